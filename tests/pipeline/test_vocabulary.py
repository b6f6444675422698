"""Vocabularies read back, compared, and extended without an id that moves."""

import json
from pathlib import Path

import pytest

from pipeline import prepare, vocabulary
from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder
from pipeline.folders.prepared import read_vocabulary

ODD = ["", "a,b", 'say "hi"', "line\nbreak", "\U0001f600", " ", "\r\n", "\u2028", "00123", "NA"]
SPEC = """
name: words
vocabularies: {words: {size: 5}, labels: {size: 50, min_count: 2}}
inputs: {word: {kind: category, vocabulary: words}}
heads: {label: {kind: classification, vocabulary: labels}}
split: {by: hash, columns: [word], eval: 0, test: 0}
"""


def _prepared(folder: Path, name: str, rows: list[tuple[str, str]], *more: str) -> Path:
    (folder / "spec.yaml").write_text(SPEC)
    lines = [json.dumps({"word": word, "label": label}) + "\n" for word, label in rows]
    (folder / f"{name}.jsonl").write_text("".join(lines))
    output = folder / name
    inputs = ["--input", str(folder / f"{name}.jsonl"), "--output", str(output)]
    prepare.run(["--spec", str(folder / "spec.yaml"), *inputs, *more])
    return output


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("vocabulary")
    rows = [("b", label) for label in ODD] + [("a", label) for label in ODD] + [("c", "once")]
    old = _prepared(folder, "old", rows)
    # a is gone, c has become the most frequent, d to g are new; of the labels all but two are gone.
    rows = [("c", "z")] * 9 + [("b", "NA")] * 3 + [(word, "y") for word in "dddgfeee"]
    return old, _prepared(folder, "new", rows, "--extend", str(old))


def test_any_value_survives(folders: tuple[Path, Path]) -> None:
    found = DataFolder(folders[0]).verified().vocabularies()
    assert found["labels"] == dict.fromkeys(sorted(ODD, key=str.encode), 2)
    assert list(found["labels"]) == sorted(ODD, key=str.encode)
    assert list(found["words"].items()) == [("a", 10), ("b", 10), ("c", 1)]
    said = json.loads((folders[0] / "statistics.json").read_text())
    label = said["distributions"]["label"]
    assert dict(label["top"]) == {**dict.fromkeys(ODD, 2), "once": 1}
    assert said["vocabularies"]["labels"]["below_min_count"] == 1
    assert said["heads"]["label"]["train"]["out_of_vocabulary"] == pytest.approx(1 / 21)


def test_old_ids_stay_and_new_values_follow(folders: tuple[Path, Path]) -> None:
    old, new = (DataFolder(folder).verified().vocabularies() for folder in folders)
    assert list(new["words"].items()) == [("a", 0), ("b", 3), ("c", 9), ("d", 3), ("e", 3)]
    assert list(new["labels"]) == [*old["labels"], "z", "y"]
    said = json.loads((folders[1] / "statistics.json").read_text())["vocabularies"]["words"]
    assert (said["entries"], said["beyond_size"], said["below_min_count"]) == (5, 2, 0)


def test_the_examples_have_the_old_ids(folders: tuple[Path, Path]) -> None:
    said = json.loads((folders[1] / "statistics.json").read_text())
    assert said["inputs"]["word"]["train"]["out_of_vocabulary"] == pytest.approx(2 / 20)


def test_diff_says_what_changed(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    vocabulary.run(["diff", *map(str, folders)])
    vocabulary.run(["diff", str(folders[1]), str(folders[0]), "--show", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "labels: 10 entries, then 12: 10 with the same id, 0 with another, 2 new, 0 gone",
        '  new, 85.00% of what was counted: "z" 9, "y" 8',
        "words: 3 entries, then 5: 3 with the same id, 0 with another, 2 new, 0 gone",
        '  new, 33.33% of what was counted: "d" 3, "e" 3',
        "labels: 12 entries, then 10: 10 with the same id, 0 with another, 0 new, 2 gone",
        '  gone, 85.00% of what was counted: "z" 9, ...',
        "words: 5 entries, then 3: 3 with the same id, 0 with another, 0 new, 2 gone",
        '  gone, 33.33% of what was counted: "d" 3, ...',
    ]


def test_other_old_vocabularies_are_other_inputs(folders: tuple[Path, Path]) -> None:
    new = folders[1]
    with pytest.raises(Failure) as failure:
        inputs = ["--input", str(new.with_suffix(".jsonl")), "--output", str(new)]
        prepare.run(["--spec", str(new.parent / "spec.yaml"), *inputs])
    assert failure.value.exit_code == Exit.OCCUPIED


@pytest.mark.parametrize("text", ["[", '["a"]\n', '["a", "b"]\n', '["a", 1]\n["a", 2]\n', "5\n"])
def test_a_damaged_vocabulary_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "v.jsonl").write_text(text + "\n")
    with pytest.raises(Failure) as failure:
        read_vocabulary(tmp_path / "v.jsonl")
    assert failure.value.exit_code == Exit.INTEGRITY
