"""The page of columns: its pieces are one spec, which prepares rows with the cells it shows."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pytest
from chain import read_json, words
from documents import ROOT, blocks

from pipeline import prepare
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from pipeline.spec.plain_yaml import load

PAGE = ROOT / "docs" / "columns.md"
ROWS = 400


def columns() -> Iterator[dict[str, list[str]]]:
    """{column: its cells} of each block. Two spaces or more are between columns."""
    for block in blocks(PAGE, "text"):
        names, *cells = (re.split(" {2,}", line) for line in block.splitlines())
        yield {name: [row[at] for row in cells] for at, name in enumerate(names)}


def whole_spec() -> Spec:
    """All pieces of the page, side by side. No name stands in two of them."""
    whole: dict[str, Any] = {}
    for piece in map(load, blocks(PAGE, "yaml")):
        for part, said in piece.items():
            mine = whole.setdefault(part, said)
            if mine is not said:
                assert isinstance(said, dict) and not set(mine) & set(said), (part, said)
                mine.update(said)
    return parse_spec(json.dumps(whole))


def table() -> pa.Table:
    """Rows with the cells of the page, drawn block by block: those of one line stay together."""
    random = np.random.default_rng(1)
    made: dict[str, list[str]] = {}
    for block in columns():
        drawn = random.integers(0, len(next(iter(block.values()))), ROWS)
        made |= {name: [cells[at] for at in drawn] for name, cells in block.items()}
    return pa.table(made)


def test_every_column_of_the_page_is_read_and_nothing_else() -> None:
    spec = whole_spec()
    inputs = {column for name in spec.inputs for column in spec.input_columns(name)}
    shown = [name for block in columns() for name in block]
    assert len(shown) == len(set(shown))
    assert inputs | {spec.head_column(name) for name in spec.heads} | {"side"} == set(shown)


def test_each_of_the_23_sections_shows_cells_and_lines_of_the_spec() -> None:
    _, *sections = re.split(r"^### (?=\d)", PAGE.read_text(encoding="utf-8"), flags=re.M)
    assert [int(section.split(".")[0]) for section in sections] == [*range(1, 24)]
    for section in sections:
        assert re.findall(r"^```(\w+)$", section, re.M) == ["text", "yaml"], section


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("columns")
    pa.csv.write_csv(table(), folder / "rows.csv")
    (folder / "spec.json").write_text(whole_spec().to_json(), encoding="utf-8")
    made = folder / "data"
    said = words("--spec", folder / "spec.json", "--input", folder / "rows.csv", "--output", made)
    prepare.run([*said, "--max-bad-fraction", "0"])
    return made


def test_prepare_rejects_no_row_with_these_cells(output: Path) -> None:
    counted = read_json(output / "statistics.json")["rows"]
    assert counted["rejected"] == 0
    sides = table()["side"].to_pylist()
    assert counted["test"] == sides.count("test") and counted["eval"] == sides.count("valid")


def test_cells_are_the_values_that_the_page_says_they_are(output: Path) -> None:
    expected = {
        "customer": {"10418", "7", "90022"},
        "brand": {"Nordlicht", "Æther & Sons", "nordlicht"},
        "postcode": {"01067", "00210", "1067"},
        "tag": {"oak", "table", "large", "chair"},
        "colour": {"red", "dark blue"},
        "product": {"milk", "bread", "salt", "tea"},
        "topic": {"garden", "wood"},
        "item": {"a12", "b7", "c3"},
        "city_channel.pairs": {'["Oslo", "web"]', '["Oslo", "shop"]', '["Tromsø", "web"]'},
    }
    for name, values in expected.items():
        assert set(vocabulary(output, name)) == values, name
    assert {"the", "gold", "rush", "1925", "oak", "six"} <= set(vocabulary(output, "word"))


def vocabulary(output: Path, name: str) -> list[str]:
    lines = (output / "vocabulary" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)[0] for line in lines]


def test_numbers_and_missing_words_are_read_as_the_page_says(output: Path) -> None:
    statistics, rows = read_json(output / "statistics.json"), table()
    train = rows.filter(pc.equal(rows["side"], "train"))
    shares = {"12 %": 0.12, "0 %": 0.0, "7.5 %": 0.075}
    discounts = [shares[cell] for cell in train["discount"].to_pylist()]
    assert statistics["numbers"]["discount"]["mean"] == pytest.approx(np.mean(discounts))
    prices = {"1.234,50 €": 1234.5, "9,99 €": 9.99, "12 €": 12.0}
    logarithms = [np.log1p(prices[cell]) for cell in train["price"].to_pylist()]
    assert statistics["numbers"]["price"]["mean"] == pytest.approx(np.mean(logarithms))
    missing = np.mean([cell == "NA" for cell in train["newsletter"].to_pylist()])
    assert statistics["inputs"]["newsletter"]["train"]["missing"] == pytest.approx(missing)
