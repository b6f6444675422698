"""Numbers as people write them, and the words that mean a missing value: one reading everywhere."""

import json
import math
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pytest
from chain import read_json, words

from examples.made_up_rows import rows_for
from kinds.columns import Field, cast
from kinds.columns.numerals import Numerals
from kinds.number_format import NumberFormat
from pipeline import prepare
from pipeline.failures import Failure
from pipeline.spec.file import parse_spec
from serving import export, score
from serving.model_file.metadata import from_json
from serving.page import COLUMN_SCRIPTS, READING_SCRIPT
from serving.scorer import Scorer
from trainer import task

NONE = math.nan
# What each cell is; None where it is no number, and nan where it is missing.
WRITTEN: dict[Numerals, dict[str, float | None]] = {
    Numerals(decimal=",", thousands=".", currency="€"): {
        "1.234,50 €": 1234.5,
        "€ 1.234,50": 1234.5,
        "-€3": -3,
        "€-3": -3,
        "-3,5": -3.5,
        "+1234567,25": 1234567.25,
        "1.234.567": 1234567,
        "12.34.567": 1234567,
        ",5": 0.5,
        "5,": 5,
        "1,5e3": 1500,
        "1.5": None,
        "1.23": None,
        "1234.567": None,
        "1.234.56": None,
        "1,234,5": None,
        "5 %": None,
        "$5": None,
        "€": None,
        "": NONE,
        "nan": NONE,
        "inf": None,
        "--5": None,
        "1e400": None,
    },
    Numerals(thousands=",", currency="$", percent=True): {
        "$1,234.50": 1234.5,
        "1,234": 1234,
        "12%": 0.12,
        "-12.5 %": -0.125,
        "0.1 %": 0.001,
        "0.12": 0.12,
        "1,23": None,
        "12 %%": None,
        "%": None,
    },
    Numerals(decimal=",", thousands=" "): {
        "1 234 567,5": 1234567.5,
        "1\u00a0234\u202f567": 1234567,
        "1234": 1234,
        "1  234": None,
    },
    Numerals(thousands="'", currency="CHF"): {
        "CHF 1'234.50": 1234.5,
        "1'234CHF": 1234,
        "1,5": None,
    },
    Numerals(percent=True): {"true": 1, "3 %": 0.03, "1_000": None},
}
CELLS = [(how, text, number) for how, cells in WRITTEN.items() for text, number in cells.items()]


def read(texts: Any, field: Field) -> list[Any]:
    """What each cell is; None where it is bad."""
    array = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    typed, good, _ = cast(pa.RecordBatch.from_arrays([array], names=[field.column]), [field])
    found = dict(zip(good.tolist(), typed.column(0).to_pylist(), strict=True))
    return [found.get(at) for at in range(len(array))]


def same(found: list[Any], expected: list[float | None]) -> bool:
    rounded = [one if one is None else float(np.float32(one)) for one in expected]
    return str([one if one is None else float(one) for one in found]) == str(rounded)


@pytest.mark.parametrize("how", WRITTEN, ids=repr)
def test_a_cell_is_the_number_that_its_format_says(how: Numerals) -> None:
    cells = WRITTEN[how]
    assert same(read([*cells], Field("x", "number", numerals=how)), [*cells.values()])
    for text, number in cells.items():
        assert same(read([text], Field("x", "number", numerals=how)), [number]), text


SCRIPT = """
const cells = JSON.parse(require("fs").readFileSync(0));
function missingNumber(field) { return ["float32", [NaN], [1]]; }
console.log(JSON.stringify(cells.map(([field, text]) => {
  try {
    const kind = columnKinds[field.kind];
    return String(kind.tensor(field, withoutWords(field, text))[1][0]);
  } catch { return "refused"; }
})));
"""


def on_the_page(cells: list[tuple[Field, str]]) -> list[str]:
    node = shutil.which("node") or pytest.skip("there is no node on this machine")
    kinds = "".join(f"{kind}: {text.strip()},\n" for kind, text in COLUMN_SCRIPTS.items())
    code = f"{READING_SCRIPT}const columnKinds = {{\n{kinds}}};\n{SCRIPT}"
    given = json.dumps([(asdict(field), text) for field, text in cells])
    done = subprocess.run([node, "-e", code], input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def test_the_page_reads_numbers_as_the_scorer_does() -> None:
    cells = [(Field("x", "number", numerals=how), text) for how, text, _ in CELLS]
    found = [None if said == "refused" else float(said) for said in on_the_page(cells)]
    assert same(found, [number for _, _, number in CELLS])


def test_numbers_that_are_typed_are_what_they_are() -> None:
    how = Field("x", "number", numerals=Numerals(decimal=",", thousands=".", percent=True))
    assert read(pa.array([1.5, None, 1234.0]), how)[::2] == [1.5, 1234.0]


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({"thousands": "."}, "two marks"),
        ({"decimal": ";"}, "decimal"),
        ({"currency": "5"}, "currency"),
        ({"currency": "-"}, "currency"),
        ({"points": True}, "points"),
    ],
)
def test_a_format_that_would_be_read_in_two_ways_is_refused(said: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        NumberFormat.model_validate(said)


def test_missing_words_hold_in_every_type() -> None:
    missing = ("NA", "n/a", "-999", "2000-01-01")
    text = Field("x", "text", missing_words=missing)
    assert read([" NA ", "na", "n/a", "-999.0", "", "NA NA"], text) == [None, "na"] + [None] * 2 + [
        "",
        "NA NA",
    ]
    number = Field("x", "number", missing_words=missing)
    for cells in (["NA", "-999", "-999.0", "7"], pa.array([None, -999, -999, 7])):
        assert same(read(cells, number), [NONE, NONE, NONE, 7])
    assert same(read(pa.array([-999.0, 7.5], pa.float32()), number), [NONE, 7.5])
    flag = Field("x", "flag", missing_words=("unknown", "9"))
    assert same(read(["unknown", "9", "yes"], flag), [NONE, NONE, 1])
    assert same(read(pa.array([9, 1]), flag), [NONE, 1])
    date = Field("x", "date", missing_words=missing)
    for days in (["2000-01-01", "NA"], pa.array([10_957, None], pa.date32())):
        assert [one is None for one in read(days, date)] == [True, True]
    lists = Field("x", "list", missing_words=missing)
    assert read(["NA", "a NA"], lists) == [None, ["a", "NA"]]
    assert read(pa.array([["NA"]]), lists) == [["NA"]]
    required = Field("x", "number", required=True, missing_words=missing)
    batch = pa.RecordBatch.from_pydict({"x": ["NA", "NB"]})
    assert [bad.reason for bad in cast(batch, [required])[2]] == ["missing", "not_a_number"]


def test_the_page_knows_the_missing_words() -> None:
    field = Field("x", "number", missing_words=("NA", "-999"))
    text = Field("x", "text", missing_words=("NA", "-999"))
    cells = [(field, " NA"), (field, "-999.0"), (field, "7"), (text, "NA "), (text, "na")]
    assert on_the_page(cells) == ["NaN", "NaN", "7", "", "na"]


SPEC = """
name: prices
keys: [row]
missing_words: [NA, "-"]
vocabularies: {shop: {size: 50}}
inputs:
  price: {kind: number, format: {decimal: ",", thousands: ".", currency: €}}
  share: {kind: number, format: {percent: true}}
  shop: {kind: category, vocabulary: shop, embedding: 4}
trunk: {layers: [8]}
heads:
  paid: {kind: regression, format: {decimal: ",", thousands: "."}}
  pieces: {kind: count, format: {thousands: " "}}
split: {by: hash, columns: [shop], eval: 0.2, test: 0.2}
training: {epochs: 2, batch_size: 32}
"""
PLAIN = SPEC.replace(", format: {thousands: \" \"}", "").replace(
    ", format: {decimal: \",\", thousands: \".\"}", ""
).replace(", format: {decimal: \",\", thousands: \".\", currency: €}", "").replace(
    ", format: {percent: true}", ""
).replace('missing_words: [NA, "-"]\n', "")  # fmt: skip


def as_written(numbers: pa.ChunkedArray, form: str, missing: str) -> list[str]:
    def one(number: float | None) -> str:
        if number is None:
            return missing
        text = form.format(number).translate(str.maketrans(",.", ".,"))
        return text if "," in form else f"{100 * number!r} %"

    return [one(number) for number in numbers.to_pylist()]


def test_a_table_as_people_write_it_is_the_table_of_its_numbers(tmp_path: Path) -> None:
    """Prepared, trained on and scored, both give the same bits."""
    spec = parse_spec(PLAIN)
    rows = rows_for(spec, 400, seed=2)
    table = {name: rows[name] for name in rows.column_names}
    for name, digits in (("price", 2), ("paid", 2), ("share", 4), ("pieces", 0)):
        scale = 100.0 if name == "price" else 1.0
        table[name] = pc.round(pc.multiply(rows[name].cast(pa.float64()), scale), digits)
    written = table | {
        "price": pa.array(as_written(table["price"], "{:,.2f} €", "NA")),
        "paid": pa.array(as_written(table["paid"], "{:,.2f}", "-")),
        "share": pa.array(
            ["-" if x is None else f"{round(100 * x, 2)}%" for x in table["share"].to_pylist()]
        ),
        "pieces": pa.array(
            [
                "NA" if x is None else f"{x:,.0f}".replace(",", " ")
                for x in table["pieces"].to_pylist()
            ]
        ),
        "shop": pc.fill_null(table["shop"], "NA"),
    }
    outputs = {}
    for name, said, made in (("plain", PLAIN, table), ("written", SPEC, written)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "spec.yaml").write_text(said, encoding="utf-8")
        pa.csv.write_csv(pa.table(made), folder / "rows.csv")
        data, run, model = folder / "data", folder / "run", folder / "model"
        prepare.run(
            words("--spec", folder / "spec.yaml", "--input", folder / "rows.csv", "--output", data)
        )
        task.run(words("--data", data, "--output", run))
        export.run(words("--run", run, "--output", model))
        line = words("--model", model / "model.onnx", "--input", folder / "rows.csv", "--evaluate")
        score.run([*line, "--output", str(folder / "scores.parquet")])
        outputs[name] = folder
    one, other = (read_json(folder / "data/statistics.json") for folder in outputs.values())
    assert one["rows"] == other["rows"] and one["rows"]["rejected"] == 0
    assert one["distributions"] == other["distributions"] and one["numbers"] == other["numbers"]
    one, other = (read_json(folder / "scores.parquet.metrics.json") for folder in outputs.values())
    assert one == other
    one, other = (
        pa.parquet.read_table(folder / "scores.parquet").to_pylist() for folder in outputs.values()
    )
    assert one == other
    model = outputs["written"] / "model" / "model.onnx"
    with pytest.raises(Failure, match="not_a_number in column 'price'"):
        Scorer(model).score(
            pa.table({"row": ["a"], "price": ["1.5"], "share": ["1"], "shop": ["a"]})
        )
    metadata = Scorer(model).metadata
    again = from_json(metadata.to_json())
    assert again.fields == metadata.fields and again.missing_words == ("NA", "-")
