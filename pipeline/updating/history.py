"""The page of all versions, OUT/history.html, which serving.history draws."""

import sys
from pathlib import Path

from pipeline.folders.versions import PAGE
from pipeline.manifest import write_text
from pipeline.running import processes
from pipeline.running.processes import StageFailed
from pipeline.running.stages import Command
from pipeline.updating import told
from pipeline.updating.places import Place, versions_of


def write(place: Place, folder: Path) -> None:
    """Writes the page, by way of a folder. Versions are none the worse where that fails."""
    records, page = folder / "versions.json", folder / PAGE
    write_text(records, told.records(versions_of(place).values()))
    command = ("serving.history", "--versions", str(records), "--output", str(page))
    try:
        processes.run_stage(Command("history", command, page))
    except StageFailed as failed:
        print(f"no page of the versions: {failed}", file=sys.stderr)
        return
    place.write(PAGE, page.read_text(encoding="utf-8"))
