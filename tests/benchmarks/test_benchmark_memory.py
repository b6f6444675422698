"""The benchmark of memories: its tables, and what it keeps of other runs."""

import json
from pathlib import Path

from benchmarks.memory import keep
from benchmarks.memory_tables import CHANGED, SPECS, tables


def test_every_table_has_a_spec_with_a_head_whose_memories_are_chosen(tmp_path: Path) -> None:
    for name in [*SPECS, *CHANGED]:
        (tmp_path / name).touch()
    found = tables(tmp_path)
    assert [Path(one.rows[0]).name for one in found] == [*SPECS, *CHANGED]
    for one in found:
        assert one.spec.memory == "auto"
        assert one.without_memory().memories == {}


def test_figures_of_other_tables_stay_with_how_they_were_measured(tmp_path: Path) -> None:
    def measured(table: str, seeds: int, loss: float) -> dict[str, object]:
        figures = {"mixture": {"log_loss": loss, "cpu_seconds": 12.345}}
        how = {"seeds": seeds, "processor": "some"}
        return {"benchmark": "memory", "measured": {table: how}, "tables": {table: figures}}

    path = tmp_path / "results" / "memory.json"
    for table, seeds, loss in (("routes", 3, 4.5), ("tags", 3, 3.5), ("tags", 1, 3.25)):
        keep(measured(table, seeds, loss), path)
    kept = json.loads(path.read_text())
    assert {name: how["seeds"] for name, how in kept["measured"].items()} == {
        "routes": 3,
        "tags": 1,
    }
    assert kept["tables"]["routes"] == {"mixture": {"log_loss": 4.5, "cpu_seconds": 12.3}}
    assert kept["tables"]["tags"]["mixture"]["log_loss"] == 3.25
