"""A guessed spec is a spec, says why, and runs."""

import datetime
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from kinds.columns import Field, cast, flags
from kinds.columns.flags import PAIRS
from kinds.looks.column import Column
from pipeline import prepare
from pipeline.failures import Exit, Failure
from pipeline.preparing.infer import spec_for
from pipeline.preparing.inferring.wishes import Wishes
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec

ROWS = 400


def _table() -> pa.Table:
    random = np.random.default_rng(2)
    words = np.array([f"w{i}" for i in range(30)])
    price = random.lognormal(3, 2, ROWS)
    return pa.table(
        {
            "row": [str(i) for i in range(ROWS)],
            "user id": [f"u{i}" for i in random.integers(0, 40, ROWS)],
            "text": [" ".join(random.choice(words, 6)) for _ in range(ROWS)],
            "zip": [f"{i:05d}" for i in random.integers(0, 90, ROWS)],
            "price": [f"{p:.2f}" if i % 10 else "" for i, p in enumerate(price)],
            "age": [f"{a:.1f}" for a in random.normal(40, 5, ROWS)],
            "sure": random.choice(["yes", "no"], ROWS),
            "nothing": [""] * ROWS,
            "same": ["x"] * ROWS,
            "item_id": random.integers(1, 50, ROWS).astype(str),
            "coupon": ["SAVE"] + [""] * (ROWS - 1),
            "when": ["2024-01-31 10:05"] + ["2023-12-01T09:00"] * (ROWS - 1),
            "day": random.choice(["20240131", "20231201", "20240229"], ROWS),
            "label": random.choice(["a", "b,c", 'say "hi"', "\U0001f600"], ROWS),
            "null": random.choice(["p", "q", "r"], ROWS),
        }
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("infer") / "rows.csv"
    pyarrow.csv.write_csv(_table(), path)
    return str(path)


@pytest.fixture(scope="module")
def text(path: str) -> str:
    return spec_for([path])


@pytest.fixture(scope="module")
def spec(text: str) -> Spec:
    return parse_spec(text)


def test_each_column_has_the_kind_that_it_looks_like(spec: Spec) -> None:
    assert {name: part.kind for name, part in spec.inputs.items()} == {
        "user_id": "category",
        "text": "sequence",
        "zip": "category",
        "price": "number",
        "age": "number",
        "sure": "category",
        "item_id": "category",
        "coupon": "category",
        "when": "date",
        "day": "date",
        "null_": "category",
    }
    assert spec.inputs["user_id"].column == "user id"
    said = {name: part.model_dump() for name, part in spec.inputs.items()}
    assert (said["price"]["scale"], said["age"]["scale"]) == ("log", "standard")
    assert said["text"]["length"] == 6
    assert {name: head.kind for name, head in spec.heads.items()} == {"label": "classification"}
    assert spec.keys == ("row",)
    assert spec.split.model_dump()["columns"] == ("row",)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("price:", r"a few of them far above.*; \d+ different, 10\.0% missing"),
        ("zip:", "leading zeros.*none missing"),
        ("label:", '"label" is predicted, a guess, by its name: text; 4 different'),
        ("sure:", "two values that say yes and no; 2 different"),
        ("item_id:", "ids: a name of ids.*; \\d+ different"),
        ("coupon:", "one value or none; 1 different, 99.8% missing"),
        ("keys:", "whole numbers that rise"),
    ],
)
def test_the_reason_stands_above(text: str, line: str, said: str) -> None:
    lines = text.splitlines()
    (at,) = [
        at for at, one in enumerate(lines) if one.strip().startswith(line) and "size" not in one
    ]
    above = at - next(n for n in range(1, at) if not lines[at - n].strip().startswith("#")) + 1
    assert re.search(said, " ".join(line.strip(" #") for line in lines[above:at]))
    assert 'left out: "nothing": no value at all' in text
    assert 'left out: "same": one value only' in text


def test_prepare_takes_it(path: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(text)
    output = tmp_path / "out"
    prepare.run(["--spec", str(tmp_path / "spec.yaml"), "--input", path, "--output", str(output)])
    said = json.loads((output / "statistics.json").read_text())
    assert (said["rows"]["read"], said["rows"]["rejected"]) == (ROWS, 0)
    assert said["vocabularies"]["label"]["entries"] == 4


def test_the_command_prints_it(path: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    prepare.run(["--infer", path])
    assert capsys.readouterr().out == text


@pytest.mark.parametrize(
    ("columns", "head"),
    [
        ({"x": ["1", "2.5"] * 9, "done": ["t", "f"] * 9}, "binary"),
        ({"word": ["a", "b"] * 9, "left": ["1.5", "2"] * 9}, "regression"),
        ({"word": ["a", "b"] * 9, "tags": [["p", "q"], ["p"]] * 9}, "multilabel"),
    ],
)
def test_the_head_follows_its_column(
    columns: dict[str, list[object]], head: str, tmp_path: Path
) -> None:
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    said = Wishes(targets=(list(columns)[1],))
    spec = parse_spec(spec_for([str(tmp_path / "a.parquet")], said=said))
    assert [(name, h.kind) for name, h in spec.heads.items()] == [(list(columns)[1], head)]


@pytest.mark.parametrize("content", ["a,b\n1,2\n1,3\n", "a\nx\ny\n"])
def test_rows_that_no_spec_fits(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(Failure, match="a column to predict") as failure:
        spec_for([str(tmp_path / "a.csv")])
    assert failure.value.exit_code == Exit.USAGE


def _spec_of(folder: Path, name: str, columns: dict[str, list[Any]]) -> tuple[str, Spec]:
    """The first spec of a file beside whose columns there are a shop and a label."""
    rows, random = len(next(iter(columns.values()))), np.random.default_rng(1)
    table = pa.table(
        {
            **columns,
            "shop": random.choice(["A", "B"], rows),
            "label": random.choice(["u", "v"], rows),
        }
    )
    path = folder / name
    if name.endswith(".csv"):
        pyarrow.csv.write_csv(table, path)
    else:
        pyarrow.parquet.write_table(table, path)
    text = spec_for([str(path)])
    return text, parse_spec(text)


@pytest.mark.parametrize("odd", ["inf", "-Infinity", "#DIV/0!", "#N/A", "<NA>", "abc", "see note"])
def test_few_texts_among_numbers_stand_for_none(odd: str, tmp_path: Path) -> None:
    numbers = [odd if at == 150 else f"{at * 0.37:.2f}" for at in range(300)]
    _, spec = _spec_of(tmp_path, "a.csv", {"x": numbers})
    assert (spec.inputs["x"].kind, spec.missing_words) == ("number", (odd,))


def test_words_among_numbers_of_any_form_stand_for_none(tmp_path: Path) -> None:
    prices = ["k.A." if at % 12 == 0 else f"{1 + at % 8}.{at:03d},50 €" for at in range(300)]
    _, spec = _spec_of(tmp_path, "a.csv", {"x": prices})
    assert (spec.inputs["x"].kind, spec.missing_words) == ("number", ("k.A.",))


def test_a_target_that_never_comes_again_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    names = [f"{'abc'[at % 3]} {at * 7919}" for at in range(300)]
    pyarrow.csv.write_csv(pa.table({"shop": ["A", "B"] * 150, "name": names}), path)
    with pytest.raises(Failure, match=r"must have values that come again.*300 different") as found:
        spec_for([str(path)], said=Wishes(targets=("name",)))
    assert found.value.exit_code == Exit.USAGE


def test_infinite_numbers_of_a_typed_column_are_missing(tmp_path: Path) -> None:
    numbers = [float("inf") if at % 50 == 0 else at * 0.37 for at in range(300)]
    _, spec = _spec_of(tmp_path, "a.parquet", {"x": numbers})
    assert (spec.inputs["x"].kind, spec.missing_words) == ("number", ("inf",))
    rows = pa.RecordBatch.from_pydict({"x": [1.5, float("inf")]})
    typed, _, bad = cast(rows, [Field("x", "number", missing_words=spec.missing_words)])
    assert not bad and np.isnan(typed.column(0)[1].as_py())


def test_a_text_that_another_column_has_stands_for_no_missing_number(tmp_path: Path) -> None:
    numbers = ["A" if at == 150 else f"{at * 0.37:.2f}" for at in range(300)]
    _, spec = _spec_of(tmp_path, "a.csv", {"x": numbers})  # "A" is a shop, too
    assert spec.missing_words == ()


@pytest.mark.parametrize("form", ["{} apples", "({})", "\u2212{}", "<{}"])
def test_what_is_nearly_a_number_is_said(form: str, tmp_path: Path) -> None:
    text, _ = _spec_of(tmp_path, "a.csv", {"x": [form.format(at % 97) for at in range(300)]})
    assert f"nearly numbers, such as {form.format(0)!r}" in text.replace("\n  #", "")


def test_numbers_that_float32_takes_for_one_are_ids(tmp_path: Path) -> None:
    ids = [2**53 + 2 * (at % 7) for at in range(300)]
    for name in ("a.csv", "a.parquet"):
        _, spec = _spec_of(tmp_path, name, {"account": ids})
        assert spec.inputs["account"].kind == "category"


def test_columns_that_no_exported_file_can_have_are_left_out(tmp_path: Path) -> None:
    names = ("top_k", "/x", "label.labels", "label.exclude", "fine")
    columns = {
        name: [f"{at * 0.37:.2f}" for at in range(at, 300 + at)] for at, name in enumerate(names)
    }
    path = tmp_path / "a.csv"
    pyarrow.csv.write_csv(pa.table({**columns, "label": ["u", "v", "w"] * 100}), path)
    text = spec_for([str(path)], said=Wishes(targets=("label",)))
    assert [*parse_spec(text).inputs] == ["fine"]
    for name in names[:4]:
        assert f'left out: "{name}": a name that no input of the exported file can have' in text


def test_what_a_file_cannot_give_is_said_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [f"gr\xf6\xdfe {at},{at * 7 % 11},{'uv'[at % 2]}\n" for at in range(60)]
    path.write_bytes(("name,x,label\n" + "".join(lines)).encode("latin-1"))
    assert 'left out: "name": text that is not UTF-8' in spec_for([str(path)])
    path = tmp_path / "a.jsonl"
    path.write_text(
        "".join(f'{{"n": NaN, "x": {at % 11}, "label": "{"uv"[at % 2]}"}}\n' for at in range(60))
    )
    assert 'left out: "n": no JSON (NaN and Infinity are none)' in spec_for([str(path)])


def test_bytes_that_are_no_text_are_left_out(tmp_path: Path) -> None:
    keys = pa.array([bytes([255, *at.to_bytes(2, "big")]) for at in range(300)], pa.binary(3))
    text, spec = _spec_of(tmp_path, "a.parquet", {"key": keys})
    assert 'left out: "key": text that is not UTF-8' in text
    assert "key" not in spec.inputs and "key" not in spec.keys


def test_times_of_which_few_are_missing_split_the_rows(tmp_path: Path) -> None:
    """As R writes them; where many are missing, a split by time would reject too many rows."""
    start = datetime.datetime(2020, 1, 1)
    times = [str(start + datetime.timedelta(hours=at)) for at in range(2_000)]
    text, spec = _spec_of(tmp_path, "a.csv", {"when": ["NA", *times[1:]]})
    assert (spec.inputs["when"].kind, spec.split.by) == ("date", "time")
    assert spec.missing_words == ("NA",) and "the few rows without" in text
    _, spec = _spec_of(tmp_path, "a.csv", {"when": [*["NA"] * 100, *times[100:]]})
    assert (spec.inputs["when"].kind, spec.split.by) == ("date", "hash")


def test_lengths_of_time_are_numbers_that_prepare_reads(tmp_path: Path) -> None:
    lengths = [datetime.timedelta(seconds=at * 1.5) for at in range(300)]
    _, spec = _spec_of(tmp_path, "a.parquet", {"waited": lengths})
    assert spec.inputs["waited"].kind == "number"
    rows = pa.RecordBatch.from_pydict({"waited": lengths[:3]})
    assert cast(rows, [Field("waited", "number")])[0].column(0).to_pylist() == [0.0, 1.5, 3.0]


@pytest.mark.parametrize("pair", [*PAIRS, ("True", "False"), ("NON", "Oui"), ("NÃO", "Sim")])
def test_what_casting_takes_for_a_flag_looks_like_one(pair: tuple[str, str]) -> None:
    column = pa.array([*pair, "", *pair], pa.string())
    assert Column("x", "x", column).is_flag
    rows = pa.RecordBatch.from_arrays([column], names=["x"])
    typed, _, bad = cast(rows, [Field("x", "flag")])
    assert bad == [] and {*typed.column(0).to_pylist()[:2]} == {0.0, 1.0}


def test_words_of_two_languages_and_answers_such_as_unknown_are_no_flags() -> None:
    for values in (["ja", "no"], ["oui", "nein"], ["yes", "no", "unknown"], ["ja", "nein", "?"]):
        assert not Column("x", "x", pa.array(values)).is_flag


def test_the_page_knows_the_words_for_yes_and_no() -> None:
    source = Path(flags.__file__).with_name("flag.js").read_text(encoding="utf-8")
    said = [json.loads(found) for found in re.findall(r"= (\[.*?\]);", source)]
    assert said == [[*flags.TRUE], [*flags.FALSE]]


def test_a_flag_with_na_is_one_and_na_is_missing_in_all_columns(tmp_path: Path) -> None:
    """As R writes logical values; the target's rows without one teach it nothing."""
    random = np.random.default_rng(3)
    answers, kinds = (
        random.choice(of, 2_000) for of in (["TRUE", "FALSE", "NA"], ["a", "b", "NA"])
    )
    rows = tmp_path / "rows.csv"
    pyarrow.csv.write_csv(pa.table({"kind": kinds, "label": answers}), rows)
    text = spec_for([str(rows)], said=Wishes(targets=("label",)))
    spec = parse_spec(text)
    assert spec.heads["label"].kind == "binary" and spec.missing_words == ("NA",)
    said = re.sub(r"\s*\n\s*# ", " ", text)
    missing = f"{(answers == 'NA').mean():.1%}"
    assert f"{missing} of the rows say 'NA', which counts as missing; 2 different" in said
    assert f"text; 2 different, {(kinds == 'NA').mean():.1%} missing" in said


def test_few_numbers_with_na_stand_for_themselves_too(tmp_path: Path) -> None:
    """And a split by what the model reads names each column once."""
    rooms = ["NA", "1", "2", "3", "5"] * 500
    _, spec = _spec_of(tmp_path, "a.csv", {"rooms": rooms, "colour": ["red", "blue"] * 1_250})
    assert spec.vocabulary_of()["rooms_each"] == "rooms_each"
    columns = getattr(spec.split, "columns", ())
    assert len({*columns}) == len(columns)


def test_names_of_columns_come_back_whatever_they_hold(tmp_path: Path) -> None:
    """Control characters and lines' ends of Unicode, which YAML reads its own way; and so many
    that are alike that a look at all others for each would take seconds."""
    columns = ["a\x85b", "a\u2028b", "a\x7f", 'a"#', *(f"{'x' * 60}{at}" for at in range(1_500))]
    rows = tmp_path / "rows.csv"
    lines = [",".join(f"{at % 3}{row % 2}" for at in range(len(columns))) for row in range(4)]
    header = ",".join('"' + column.replace('"', '""') + '"' for column in columns)
    rows.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    spec = parse_spec(spec_for([str(rows)], said=Wishes(targets=("a\u2028b",))))
    read = [c for name in spec.inputs for c in spec.input_columns(name)]
    read += [spec.head_column(name) for name in spec.heads]
    assert sorted(read) == sorted(columns)


@pytest.mark.parametrize(
    ("wishes", "keys"), [(Wishes(), []), (Wishes(targets=("y",)), ["keys, k: text"])]
)
def test_where_nothing_is_left_to_predict_from_each_column_is_said_once(
    tmp_path: Path, wishes: Wishes, keys: list[str]
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("k,c,y\n" + "".join(f"b{at},x,{'vw'[at % 2]}\n" for at in range(60)))
    if not wishes.targets:
        path.write_text(path.read_text().replace(",w\n", ",v\n"))
    with pytest.raises(Failure, match="a column to predict and another") as failure:
        spec_for([str(path)], said=wishes)
    received = str(failure.value).partition("Received: ")[2]
    assert failure.value.exit_code == Exit.USAGE
    assert received.count("c: one value only") == 1
    assert received.count("predicted") == 1
    assert received.count("k: ") == 1
    assert all(key in received for key in keys)


@pytest.mark.parametrize(
    ("once", "target", "min_count"),
    [(0.05, "sure", 1), (0.3, "sure", 2), (0.05, "colour", 2)],
)
def test_values_seen_once_are_left_out_for_labels_and_where_many_values_are_new(
    once: float, target: str, min_count: int, tmp_path: Path
) -> None:
    """A yes or no learns more of a value's one row than of what is new, if little of it is."""
    draw, rows = np.random.default_rng(4), 4000
    user = draw.integers(0, 400, rows).astype(str)
    is_once = draw.random(rows) < once
    user[is_once] = np.arange(5000, 5000 + is_once.sum()).astype(str)
    columns = {
        "user": np.char.add("u", user),
        "sure": draw.choice(["yes", "no"], rows),
        "colour": draw.choice(["red", "green", "blue", "white"], rows),
    }
    path = tmp_path / "rows.csv"
    pyarrow.csv.write_csv(pa.table({name: columns[name] for name in ("user", target)}), path)
    found = parse_spec(spec_for([str(path)], said=Wishes(targets=(target,))))
    assert found.vocabularies["user"].min_count == min_count
