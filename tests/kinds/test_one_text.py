"""One table, one answer: the rows of a frame are the same rows in whatever format they come.

The frame is of pandas, written as its users write it. A model trained on one of the files gives the
same scores for all of them.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest
import tensorflow as tf
from chain import read_json, words
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from kinds.columns import Field, cast
from kinds.columns.readings import as_values
from pipeline import prepare, sides
from pipeline.fields import Fields, analyses_of, fields_of
from pipeline.preparing import infer
from pipeline.preparing.features import features
from pipeline.preparing.learning import Learn, Learned
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from serving import beam, export, neighbours, score
from serving.ask import answer
from serving.files.sources import read
from serving.page import COLUMN_SCRIPTS, READING_SCRIPT
from serving.scorer import Scorer
from trainer import task

FULL = os.environ.get("CI_FULL") == "1"
FORMATS = ("csv", "parquet", "jsonl", "arrow", "tfrecord")
ROWS = 900


def write(frame: pd.DataFrame, path: Path) -> Path:
    """A file of the frame, by its suffix, as people write it."""
    match path.suffix:
        case ".csv":
            frame.to_csv(path, index=False)
        case ".parquet":
            frame.to_parquet(path, index=False)
        case ".jsonl":
            # By itself pandas lets go of the zone, and warns of it.
            zoned = frame.select_dtypes("datetimetz").columns
            frame = frame.assign(**{c: frame[c].map(pd.Timestamp.isoformat) for c in zoned})
            said = {"orient": "records", "lines": True, "date_format": "iso", "date_unit": "ns"}
            frame.to_json(path, double_precision=15, **said)
        case ".arrow":
            table = pa.Table.from_pandas(frame, preserve_index=False)
            with pyarrow.ipc.new_file(path, table.schema) as file:
                file.write_table(table)
        case ".tfrecord":
            with tf.io.TFRecordWriter(str(path)) as file:
                for row in frame.astype(object).to_dict("records"):
                    file.write(example(row))
    return path


def example(row: dict[str, Any]) -> bytes:
    """Whole numbers as they are, floats where float32 tells them all, anything else as text."""
    made = tf.train.Example()
    for name, cell in row.items():
        cells = list(cell) if isinstance(cell, list | tuple | np.ndarray) else [cell]
        is_one = not isinstance(cell, list | tuple | np.ndarray)
        cells = [] if is_one and pd.isna(cell) else cells
        feature = made.features.feature[name]
        if cells and all(type(one) is int for one in cells):
            feature.int64_list.value.extend(cells)
        elif cells and all(isinstance(one, float) and is_float32(one) for one in cells):
            feature.float_list.value.extend(cells)
        else:
            feature.bytes_list.value.extend(str(one).encode() for one in cells)
    content: bytes = made.SerializeToString()
    return content


def is_float32(number: float) -> bool:
    return abs(number) < 1e38 and float(np.float32(number)) == number


# The case that a user reported: a flag, and ids that a missing value has turned into floats.
SHOP = """
name: shop
keys: [row]
vocabularies: {item: {size: 100}, promo: {size: 10}, day: {size: 50}, outcome: {values: ["True",
               "False"]}}
inputs:
  item: {kind: category, vocabulary: item, embedding: 8}
  seen: {kind: sequence, vocabulary: item, embedding: 8, table: seen, length: 3, separator: "|"}
  promo: {kind: category, vocabulary: promo, embedding: 4}
  day: {kind: category, vocabulary: day, embedding: 4}
  when: {kind: date, column: day, parts: [weekday, hour, days]}
  amount: {kind: number}
trunk: {layers: [16]}
heads:
  outcome: {kind: classification, vocabulary: outcome, top_k: 2, class_weights: {"True": 2.0}}
split: {by: hash, columns: [item, day]}
training: {epochs: 2, batch_size: 64, learning_rate: 0.01}
"""


def shop() -> pd.DataFrame:
    random = np.random.default_rng(3)
    frame = pd.DataFrame({"row": [f"r{at:05}" for at in range(ROWS)]})
    items = random.integers(1, 30, ROWS)
    frame["item"] = items.astype(float)
    frame["seen"] = [[int(one) for one in random.integers(1, 30, 3)] for _ in range(ROWS)]
    frame["promo"] = random.random(ROWS) < 0.5
    days = pd.Timestamp("2024-01-02") + pd.to_timedelta(random.integers(0, 20, ROWS) * 6, "h")
    frame["day"] = days
    frame["amount"] = random.random(ROWS)
    frame["outcome"] = frame["promo"] ^ (items > 15)
    frame.loc[frame.index % 25 == 7, "item"] = np.nan
    return frame


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the shop's rows in every format, and a model trained on the CSV."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "spec.yaml").write_text(SHOP)
    for suffix in FORMATS:
        write(shop(), folder / f"rows.{suffix}")
    through(folder, folder / "rows.csv", folder)
    return folder


def through(folder: Path, rows: Path, output: Path) -> None:
    """Prepares, trains with the spec as it was given, and exports."""
    spec, data, run = folder / "spec.yaml", output / "data", output / "run"
    prepare.run(words("--spec", spec, "--input", rows, "--output", data))
    task.run(words("--data", data, "--spec", spec, "--output", run))
    export.run(words("--run", run, "--output", output / "model"))


def scored(folder: Path, rows: Path, *more: str) -> pa.Table:
    output = folder / f"{rows.name}.scores.parquet"
    line = words("--model", folder / "model" / "model.onnx", "--input", rows, "--output", output)
    score.run([*line, "--force", *more])
    return pyarrow.parquet.read_table(output)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_model_scores_the_same_rows_alike_in_every_format(trained: Path, suffix: str) -> None:
    expected = scored(trained, trained / "rows.csv", "--evaluate")
    found = scored(trained, trained / f"rows.{suffix}", "--evaluate")
    assert found["outcome.labels"].equals(expected["outcome.labels"])
    one, other = (t["outcome.scores"].combine_chunks().flatten() for t in (expected, found))
    # tf.Example has float32 only: so an amount may round otherwise.
    assert abs(np.subtract(one, other)).max() <= (1e-5 if suffix == "tfrecord" else 0)
    assert accuracy(trained, suffix) == accuracy(trained, "csv")


def accuracy(folder: Path, suffix: str) -> float:
    said = read_json(folder / f"rows.{suffix}.scores.parquet.metrics.json")
    return float(said["outcome"]["accuracy@1"])


@pytest.mark.parametrize("suffix", FORMATS[1:3])
def test_prepare_finds_the_same_vocabularies_and_sides_in_every_format(
    trained: Path, suffix: str, tmp_path: Path
) -> None:
    rows = trained / f"rows.{suffix}"
    prepare.run(words("--spec", trained / "spec.yaml", "--input", rows, "--output", tmp_path / "o"))
    for path in sorted((trained / "data" / "vocabulary").iterdir()):
        assert (tmp_path / "o" / "vocabulary" / path.name).read_bytes() == path.read_bytes()
    one, other = (
        read_json(data / "statistics.json") for data in (trained / "data", tmp_path / "o")
    )
    assert one["rows"] == other["rows"]
    assert one["distributions"] == other["distributions"]
    assert (tmp_path / "o" / "spec.json").read_bytes() == (trained / "data/spec.json").read_bytes()


def test_the_reading_is_in_the_spec_that_prepare_publishes(trained: Path) -> None:
    for folder in ("data", "run"):
        said = read_json(trained / folder / "spec.json")["vocabularies"]
        assert {n: one["reading"] for n, one in said.items()} == dict.fromkeys(said, "values")
    found = (trained / "data" / "vocabulary" / "outcome.jsonl").read_text().splitlines()
    assert [json.loads(line)[0] for line in found] == ["true", "false"]


def test_a_question_is_read_as_the_rows_were(trained: Path) -> None:
    scorer = Scorer(trained / "model" / "model.onnx", workers=1)
    one = {"item": "8.0", "seen": "[1, 2.0, 3]", "promo": "True", "day": "2024-01-02T06:00:00"}
    other = {"item": "8", "seen": "1|2|3.0", "promo": "true", "day": "2024-01-02 06:00"}
    assert answer(scorer, one) == answer(scorer, other)
    assert "unknown" not in answer(scorer, one)
    assert "(unknown values: item 1 of 1)" in answer(scorer, one | {"item": "8.1"})


@pytest.mark.parametrize(
    ("place", "said", "value"),
    [
        ("--head=outcome", "True", "true"),
        ("--input=item", "8.0", "8"),
        ("--input=promo", "TRUE", "true"),
    ],
)
def test_neighbours_are_asked_for_as_the_rows_were_read(
    trained: Path, place: str, said: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = []
    for of in (said, value):
        neighbours.run([*words("--model", trained / "model" / "model.onnx"), place, f"--of={of}"])
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1] != ""


def test_scoring_and_beam_count_what_is_unknown_and_warn(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = shop().assign(item="none of them")
    rows = write(frame, tmp_path / "rows.parquet")
    capsys.readouterr()
    scored(trained, rows)
    said = capsys.readouterr()
    assert said.out.splitlines()[-1].endswith(f"; unknown values: item {ROWS:,} of {ROWS:,}")
    assert "warning: UNKNOWN_VALUES of item: 100.0%" in said.err
    model = trained / "model" / "model.onnx"
    beam.run(words("--model", model, "--input", rows, "--output", tmp_path / "beam"))
    assert said.err.splitlines()[-1] in (again := capsys.readouterr()).err
    assert again.out.splitlines()[-1].endswith(f"; unknown values: item {ROWS:,} of {ROWS:,}")


def test_a_first_spec_is_the_same_from_every_format(trained: Path) -> None:
    texts = {s: infer.spec_for([str(trained / f"rows.{s}")]) for s in ("parquet", "jsonl")}
    assert texts["parquet"] == texts["jsonl"]


# Words of a program are words, in any format: True is not true there, nor 1.0 the same as 1.
TOKENS = """
name: tokens
keys: [row]
vocabularies: {token: {size: 50}}
inputs: {before: {kind: sequence, vocabulary: token, embedding: 4, length: 4}}
heads: {next: {kind: classification, vocabulary: token}}
split: {by: hash, columns: [row]}
"""


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_words_stay_as_they_are(suffix: str, tmp_path: Path) -> None:
    tokens = ["True", "true", "1.0", "1", "self", ".", "(", ")", "return", "x"]
    lines = [" ".join(tokens[at % 7 : at % 7 + 4]) for at in range(100)]
    frame = pd.DataFrame({"row": range(100), "before": lines, "next": (tokens * 10)[:100]})
    (tmp_path / "spec.yaml").write_text(TOKENS)
    learned = learn(parse_spec(TOKENS), write(frame, tmp_path / f"rows.{suffix}"))
    assert learned.readings == {"token": "words"}
    assert set(tokens) == {*learned.entries["token"].values.to_pylist()}


def test_files_that_differ_in_type_are_one_column_and_the_run_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"k": range(300), "id": [at % 9 for at in range(300)]})
    frame["y"] = np.where(frame["id"] % 2, "u", "v")
    late = frame.assign(k=frame["k"] + 300, id=frame["id"].astype(float))
    late.loc[late.index % 50 == 0, "id"] = None
    inputs = [write(frame, tmp_path / "jan.csv"), write(late, tmp_path / "feb.csv")]
    inputs.append(write(late.assign(k=late["k"] + 300), tmp_path / "mar.parquet"))
    (tmp_path / "spec.yaml").write_text(
        "name: t\nvocabularies: {id: {size: 50}, y: {size: 5}}\n"
        "inputs: {id: {kind: category, vocabulary: id, embedding: 2}}\n"
        "heads: {y: {kind: classification, vocabulary: y}}\n"
        "split: {by: hash, columns: [k], test: 0}"
    )
    line = words("--spec", tmp_path / "spec.yaml", "--output", tmp_path / "data", "--input")
    prepare.run([*line, *map(str, inputs)])
    said = read_json(tmp_path / "data" / "statistics.json")
    assert said["vocabularies"]["id"]["entries"] == 9
    assert said["vocabularies"]["id"]["reread"][1:] in [[f"{at}.0", f"{at}"] for at in range(9)]
    assert said["types"]["id"] == {"numbers": 300, "texts": 600}


ids = st.integers(0, 2**53 - 1) | st.integers(0, 9)
times = st.datetimes(pd.Timestamp(1971, 1, 1), pd.Timestamp(2200, 1, 1))
days = st.dates(pd.Timestamp(1971, 1, 1).date(), pd.Timestamp(2200, 1, 1).date())
# With at most as many digits as pandas writes to JSON.
floats = st.integers(-(10**12), 10**12).map(lambda x: x / 1000) | st.sampled_from(
    [8.0, 8.5, 1e-5, 1e16, -0.0]
)
COLUMNS = {
    "whole": ids,
    "gaps": st.none() | ids,
    "flag": st.booleans(),
    "maybe": st.none() | st.booleans(),
    "float": floats,
    "time": times,
    "day": days.map(pd.Timestamp),
    "text": st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)
    | st.sampled_from(["True", "false", "8.0", "00123", "1e5", "2024-01-02T00:00:00"]),
    "kind": st.sampled_from([1.0, 2.0, 3.0]),
    "state": st.sampled_from([True, False]),
    "big": st.none() | st.integers(-(2**63), 2**63 - 1),
    "words": st.none() | st.sampled_from(["NA", "nan", "None", "null", "True", "a b", "\u00e9"]),
    "clock": st.times().map(lambda time: time.replace(tzinfo=None)),
    "born": st.none() | days,
}


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.integers(5, 30))
    frame = pd.DataFrame({"row": range(rows)})
    for name, cells in COLUMNS.items():
        few = draw(st.lists(cells, min_size=1, max_size=6))
        # By itself pandas makes floats of integers beside None.
        kind = object if name == "big" else None
        frame[name] = pd.Series([draw(st.sampled_from(few)) for _ in range(rows)], dtype=kind)
    for name in ("time", "day"):
        unit = draw(st.sampled_from(["us", "ns"]))
        frame[name] = pd.to_datetime(frame[name]).astype(f"datetime64[{unit}]")
    if draw(st.booleans()):
        frame["time"] = frame["time"].dt.tz_localize(draw(st.sampled_from(["UTC", "Asia/Tokyo"])))
    frame["gaps"] = frame["gaps"].astype(float)
    frame["kind"] = frame["kind"].astype("category")
    frame["state"] = frame["state"].astype("category")
    frame["big"] = frame["big"].astype("Int64")
    frame["words"] = frame["words"].astype("string")
    frame["pair"] = [(at % 4, at % 3) for at in range(rows)]
    frame["items"] = [[int(x) for x in range(at % 3)] for at in range(rows)]
    frame["tags"] = [[["a", "it's"], ['"b"', "c d"], ["é"]][at % 3] for at in range(rows)]
    return frame


NAMES = ["whole", "gaps", "flag", "maybe", "float", "time", "day", "text", "kind"]
NAMES += ["state", "big", "words", "clock", "born", "row"]
LISTS_OF = ("items", "tags", "pair")
SPEC = parse_spec(
    "name: any\nkeys: [row]\nvocabularies: {"
    + ", ".join(f"{name}: {{size: 50}}" for name in [*NAMES, *LISTS_OF])
    + "}\ninputs:\n"
    + "".join(
        f"  {name}: {{kind: category, vocabulary: {name}, embedding: 1}}\n" for name in NAMES[:-1]
    )
    + "  when: {kind: date, column: time, parts: [year, month, day, weekday, hour, days]}\n"
    + "".join(
        f"  {name}: {{kind: sequence, vocabulary: {name}, embedding: 1, length: 4}}\n"
        for name in LISTS_OF
    )
    + "  amount: {kind: number, column: gaps}\n"
    + "  is_flag: {kind: flag, column: maybe}\n"
    + "  place: {kind: vector, column: pair, width: 2}\n"
    + "heads: {row: {kind: classification, vocabulary: row}}\n"
    + "split: {by: hash, columns: [gaps, maybe, time, day, big, born]}"
)


def batches(path: Path, fields: Fields) -> Iterator[pa.RecordBatch]:
    for raw in read(str(path), fields.columns(), 1000):
        assert not raw.broken
        typed, _, rejected = cast(raw.rows, fields.all())
        assert not rejected, rejected[:3]
        yield typed


def learn(spec: Spec, path: Path) -> Learned:
    fields = fields_of(spec)
    learned = Learn(analyses_of(spec, fields), spec.vocabularies)
    found = learned.create_accumulator()
    for rows in batches(path, fields):
        found = learned.add_input(found, rows)
    return learned.extract_output(found)


@pytest.mark.filterwarnings("ignore:Series.values returning:Warning")  # that is Arrow's use of it
@settings(max_examples=150 if FULL else 15, deadline=None, phases=[Phase.generate])
@given(frames())
def test_one_table_one_answer(
    tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame
) -> None:
    """What is learned, the sides, and the features by another format's vocabularies."""
    folder = tmp_path_factory.mktemp("table")
    paths = [write(frame, folder / f"rows.{suffix}") for suffix in FORMATS]
    learned = {path: learn(SPEC, path) for path in paths}
    first = learned[paths[0]]
    expected: Any = None
    for path, known in learned.items():
        assert known.readings == first.readings, path.suffix
        for name, entries in first.entries.items():
            assert known.entries[name].values.to_pylist() == entries.values.to_pylist(), name
        spec = SPEC.read_as(first.readings)
        fields = fields_of(spec)
        typed = pa.Table.from_batches(batches(path, fields)).combine_chunks().to_batches()[0]
        split = [typed.column(field.output) for field in fields.split.values()]
        found = (
            sides.hashes(split).tolist(),
            features(typed, spec, fields, first.known).to_pydict(),
        )
        expected = expected or found
        assert found == expected, path.suffix


TEXTS = ["True", "FALSE", "8.0", "-0.0", "007.0", "8.50", "1e5", "", "T", "03:04", "03:04Z"]
TEXTS += ["2024-01-02T03:04", "2024-01-02 00:00:00.000", "2024-01-02T03:04:05.120+02:00"]
TEXTS += ["2024-02-30 00:00Z", "2024-01-02T03:04:05-0130", "2024-01-02 03:04+01"]
LISTS = ["['a', \"it's\", True, None, 8.0, 5]", "['a' 'b']", "[1. 2.5]", "[a]", "['a','b']", "[]"]
LISTS += ["['a\\'b\\n', 'x']", '["a", 8.0, true, null]', "[1.,\n2.]"]
LISTS += [
    "('a', 8.0)",
    "('a',)",
    "('a')",
    "()",
    "(1, 2",
    "{'a', True}",
    "{1}",
    "{}",
    "(a, b)",
    "{1:2}",
]
SCRIPT = """
const [texts, lists] = JSON.parse(require("fs").readFileSync(0));
const field = { reading: "values", separator: " ", length: 9 };
const read = (kind, of) => of.map((text) => kind.tensor(field, text)[1]);
console.log(JSON.stringify([read(columnKinds.text, texts), read(columnKinds.list, lists)]));
"""


def test_a_page_reads_what_is_typed_as_the_scorer_does() -> None:
    node = shutil.which("node") or pytest.skip("there is no node on this machine")
    kinds = "".join(f"{kind}: {text.strip()},\n" for kind, text in COLUMN_SCRIPTS.items())
    code = f"{READING_SCRIPT}const columnKinds = {{\n{kinds}}};\n{SCRIPT}"
    given = json.dumps([TEXTS, LISTS])
    done = subprocess.run([node, "-e", code], input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    fields = [Field("texts", "text", reading="values"), Field("lists", "list", reading="values")]
    expected = []
    for field, cells in zip(fields, (TEXTS, LISTS), strict=True):
        rows = pa.RecordBatch.from_pydict({field.column: cells})
        fed = field.column_type.fed(cast(rows, [field])[0].column(0), 9).tolist()
        expected.append([one if isinstance(one, list) else [one] for one in fed])
    assert json.loads(done.stdout) == expected


def test_texts_of_values_are_fixed_points() -> None:
    said = ["True", "8.0", "-0.0", "2024-01-02T00:00:00.000", "2024-01-02T03:04:05.120+02:00"]
    said += ["03:04", "2024-02-30 00:00Z", "1e16", "00123", "007.0", "8.50", "", "T", "."]
    once = as_values(pa.array(said))
    assert as_values(once).equals(once)
