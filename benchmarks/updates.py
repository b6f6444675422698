"""A year of updates: every week's rows are taken in, beside training anew.

    python -m benchmarks.updates --output RUNS [--tables FOLDER] [--only NAMES] [--weeks 52]
                                 [--base 0.5] [--anew 8] [--learn all] [--set PLACE=VALUE]

FOLDER has tables of benchmarks.updates_rows; without it the rows are made up. A table's rows are in
order of time. A model is trained on the first half; a "week" is a 52nd of the other half, and
`pipeline.update` takes in one after the other. Every eighth week another model is trained anew from
all rows so far. Each file is measured on the rows of the following week, which it has not seen: the
updated file beside the file of the first half, which has learned nothing since, and beside the one
trained anew.

Seconds are those of stages that find TensorFlow loaded: on small tables loading it is most of what
a stage takes (benchmarks.updates_stages). Disk is what OUT holds. RUNS/updates.json is written
after each table, and each week has a line on standard error; benchmarks.updates_plot draws the
picture. The last line is one JSON object.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv

from benchmarks.updates_model import Costs, Updated, compared, file_of
from benchmarks.updates_rows import Weeks, tables
from benchmarks.updates_stages import Stages
from pipeline.failures import main
from pipeline.manifest import write_text


def run(arguments: Sequence[str]) -> None:
    """The command."""
    options = _parser().parse_args(arguments)
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    said: dict[str, Any] = {"benchmark": "updates"}
    for table in tables(options.tables, options.weeks, options.base):
        if not options.only or table.name in options.only:
            stages = Stages(output / f"{table.name}.log")
            with stages.at_work():
                year = Year(table, output / table.name, stages, options.learn, options.set)
                year.go(options.anew)
            said[table.name] = year.figures()
            write_text(output / "updates.json", json.dumps(said, indent=1) + "\n")
    print(json.dumps(said))


@dataclass
class Year:
    """A table's weeks, each with its update; what is known of each is in `found`."""

    table: Weeks
    folder: Path
    costs: Costs
    learn: str = "all"
    settings: Sequence[str] = ()
    found: list[dict[str, Any]] = field(default_factory=list)

    def go(self, anew_every: int) -> None:
        """The rows of the last week are only measured on."""
        files, model = self._files(), Updated(self.folder, self.costs)
        model.anew(files[:1], model.out)
        for week in range(1, len(self.table.weeks)):
            so_far, later = files[: week + 1], files[week + 1]
            one = {"week": week, **model.update(so_far, self.learn, self.settings)}
            one["disk"] = size_of(model.out)
            one["beside_first"] = compared(model.served, file_of(model.out), later)
            if week % anew_every == 0:
                other = self.folder / f"anew-{week}"
                one["anew"] = model.anew(so_far, other)._asdict()
                one["beside_anew"] = compared(model.served, file_of(other), later)
            self.found.append(one)
            print(json.dumps({"table": self.table.name, **one}), file=sys.stderr, flush=True)

    def _files(self) -> list[Path]:
        """The spec, and a file for the base and for each week."""
        rows = self.folder / "rows"
        rows.mkdir(parents=True, exist_ok=True)
        write_text(self.folder / "spec.yaml", self.table.spec)
        files = [rows / f"{at:03}.csv" for at in range(len(self.table.weeks) + 1)]
        for file, part in zip(files, [self.table.base, *self.table.weeks], strict=True):
            pyarrow.csv.write_csv(part, file)
        return files

    def figures(self) -> dict[str, Any]:
        """The year in few figures, and as series over its weeks."""
        found, anew = self.found, [one for one in self.found if "anew" in one]
        disk = [round(one["disk"] / 1e6, 1) for one in found]
        return {
            "rows": self.table.base.num_rows + sum(week.num_rows for week in self.table.weeks),
            "updates": len(found),
            "refused": sum(one["decision"] == "refused" for one in found),
            "every_version_scores": all(one["scores"] for one in found),
            "loss_beside_anew": mean_change(anew, "beside_anew"),
            "loss_beside_no_update": mean_change(found, "beside_first"),
            "update_seconds": mean([one["update"]["seconds"] for one in found]),
            "anew_seconds": mean([one["anew"]["seconds"] for one in anew]),
            "update_cpu_seconds": mean([one["update"]["cpu"] for one in found]),
            "update_train_seconds": mean([one["stages"]["train"] for one in found]),
            "anew_cpu_seconds": mean([one["anew"]["cpu"] for one in anew]),
            "cpu_beside_anew": mean([one["update"]["cpu"] / one["anew"]["cpu"] for one in anew]),
            "disk_mb_first_middle_last": [disk[at] for at in (0, len(disk) // 2, -1)],
            "weeks_anew": [one["week"] for one in anew],
            "weekly_loss_beside_anew": changes(anew, "beside_anew"),
            "weekly_loss_beside_no_update": changes(found, "beside_first"),
        }


def mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 3) if values else 0.0


def changes(weeks: Sequence[dict[str, Any]], beside: str) -> list[float]:
    """How much more loss the updated file has in each week, as a share of the other's."""
    return [round(mean_change([one], beside), 4) for one in weeks]


def mean_change(weeks: Sequence[dict[str, Any]], beside: str) -> float:
    """The same over the rows of all weeks, and as the mean of all heads."""
    if not weeks:
        return 0.0
    rows = [one[beside]["rows"] for one in weeks]
    updated, other = (
        [
            np.average([one[beside]["heads"][head][of] for one in weeks], weights=rows)
            for head in weeks[0][beside]["heads"]
        ]
        for of in ("a", "b")
    )
    return round(float(np.mean(np.divide(updated, other))) - 1, 4)


def size_of(folder: Path) -> int:
    """The bytes of all files; one with two names counts once."""
    files = {(s.st_dev, s.st_ino): s.st_size for file in folder.rglob("*") if (s := file.lstat())}
    return sum(files.values())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.updates")
    add = parser.add_argument
    add("--output", type=Path, required=True, help="a folder to work in")
    add("--tables", type=Path, help="folder of tables; made-up rows without it")
    add("--only", nargs="+", help="names of tables")
    add("--weeks", type=int, default=52, help="parts of the rows that come after the base (52)")
    add("--base", type=float, default=0.5, help="share of the rows that the first run has (0.5)")
    add("--anew", type=int, default=8, help="train anew in every so many weeks (8)")
    add("--learn", default="all", help="as in pipeline.update (all)")
    add("--set", nargs="+", default=[], help="settings of updates, as in pipeline.update")
    return parser


if __name__ == "__main__":
    main(run)
