"""The benchmark of kinds of inputs: its cases are specs that read the columns of its rows."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from chain import read_json, words

from benchmarks import kinds, prepare_rows
from pipeline import prepare
from pipeline.spec.file import parse_spec


def test_each_case_reads_one_thing_more_than_without() -> None:
    plain = parse_spec(kinds.spec_of("without"))
    for case in set(kinds.CASES) - {"without", "text_pairs"}:
        spec = parse_spec(kinds.spec_of(case))
        assert len(set(spec.inputs) - set(plain.inputs)) == 1, case
        assert (spec.heads, spec.split) == (plain.heads, plain.split)


def test_the_columns_are_those_that_the_cases_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_rows, "ROWS_PER_FILE", 300)
    everything = {n: how for case in kinds.CASES.values() for n, how in case.items()}
    monkeypatch.setitem(kinds.CASES, "everything", everything)
    (rows,) = kinds.write_files(tmp_path / "rows", 300)
    (tmp_path / "spec.yaml").write_text(kinds.spec_of("everything"), encoding="utf-8")
    made = tmp_path / "data"
    prepare.run(words("--spec", tmp_path / "spec.yaml", "--input", rows, "--output", made))
    statistics = read_json(made / "statistics.json")
    assert statistics["rows"]["rejected"] == 0
    first = pq.read_table(rows).slice(0, 1).to_pylist()[0]
    assert first["title"].lower().split() == first["list"]
    assert [len(first[name]) for name in ("list", "weights", "vector")] == [8, 8, kinds.WIDTH]
