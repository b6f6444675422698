"""A year of updates: every week's rows taken in, beside training anew.

    python -m benchmarks.updates [--tables FOLDER] [--only NAMES] [--weeks 52] [--base 0.5]
                                 [--anew 8] [--learn all] [--set PLACE=VALUE] --output RUNS

FOLDER has tables of benchmarks.updates_rows; without it the rows are made up. A table's rows are in
order of time: the model of the first half is updated 52 times, and a "week" is a 52nd of the other
half, `pipeline.update` as it comes. Every eighth week a model is trained anew from all rows so far.
Each file is measured on the rows of the week that follows, which none of them has seen: the updated
file beside the file of the first half, which learns nothing, and beside the one trained anew.

Seconds of stages are without loading TensorFlow, which would be most of them on such small tables
(benchmarks.updates_stages). Disk is what OUT holds. What is measured is written after each table to
RUNS/updates.json; benchmarks.updates_plot draws it. The last line is that as one JSON object.
"""

import argparse
import contextlib
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow.csv

import pipeline
from benchmarks.updates_rows import Weeks, tables
from benchmarks.updates_stages import Cost, Stages
from kinds.heads.metrics import KINDS
from pipeline import update
from pipeline.failures import Failure, main
from pipeline.manifest import write_text
from serving import compare
from serving.scorer import Scorer

STAGES = ("prepare", "train", "export")


class Costs(Protocol):
    """What stages cost since it was asked last."""

    def cost(self) -> Cost: ...


def run(arguments: Sequence[str]) -> None:
    """The command."""
    options = _parser().parse_args(arguments)
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    said: dict[str, Any] = {"benchmark": "updates", "weeks": options.weeks}
    for table in tables(options.tables, options.weeks, options.base):
        if options.only and table.name not in options.only:
            continue
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

    @property
    def out(self) -> Path:
        return self.folder / "OUT"

    def go(self, anew_every: int) -> None:
        """Base and weeks. The rows of the last week are only measured on."""
        rows, spec = self.folder / "rows", self.folder / "spec.yaml"
        rows.mkdir(parents=True, exist_ok=True)
        write_text(spec, self.table.spec)
        files = [rows / f"{at:03}.csv" for at in range(len(self.table.weeks) + 1)]
        for file, part in zip(files, [self.table.base, *self.table.weeks], strict=True):
            pyarrow.csv.write_csv(part, file)
        self.anew(files[:1], self.out)
        self.costs.cost()
        for week in range(1, len(self.table.weeks)):
            one = self.update(files[: week + 1])
            later = files[week + 1]
            one |= {"disk": size_of(self.out), "week": week}
            served = self.out / "current" / "model" / "model.onnx"
            one["beside_first"] = self.compared(served, self.out / "model" / "model.onnx", later)
            if week % anew_every == 0:
                other = self.folder / f"anew-{week}"
                one["anew"] = self.anew(files[: week + 1], other)._asdict()
                model = other / "model" / "model.onnx"
                one["beside_anew"] = self.compared(served, model, later)
            self.found.append(one)
            print(json.dumps({"table": self.table.name, **one}), file=sys.stderr, flush=True)

    def anew(self, files: Sequence[Path], output: Path) -> Cost:
        """A run of all stages that make a file."""
        pipeline.run(self.folder / "spec.yaml", [*map(str, files)], output, stages=STAGES)
        return self.costs.cost()

    def update(self, files: Sequence[Path]) -> dict[str, Any]:
        """What an update decided and cost, and whether its file loads and scores."""
        settings = [word for one in self.settings for word in ("--set", one)]
        line = [str(self.out), "--input", *map(str, files), "--learn", self.learn, *settings]
        with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(Failure):
            update.run(line)
        last = json.loads(said.getvalue().splitlines()[-1])
        made = self.out / "versions" / f"{last['version']:03d}"
        record = json.loads((made / "version.json").read_text())
        scorer = Scorer(made / "model" / "model.onnx")
        row = pyarrow.csv.read_csv(files[-1]).slice(0, 5)
        return {
            "decision": last["decision"],
            "scores": scorer.score(row).num_rows == row.num_rows,
            "stages": record["seconds"],
            "update": self.costs.cost()._asdict(),
        }

    def compared(self, a: Path, b: Path, rows: Path) -> dict[str, Any]:
        """{head: {loss, a, b}} of two files on rows, and how many they are."""
        found = compare.compare(a, b, [str(rows)], workers=1)
        kinds = {head.name: head.kind for head in Scorer(a, workers=1).heads()}
        losses = {head: KINDS[kinds[head]].loss() for head in found.heads}
        heads = {
            head: {"loss": name, "a": found.heads[head][name].a, "b": found.heads[head][name].b}
            for head, name in losses.items()
        }
        return {"rows": found.rows, "heads": heads}

    def figures(self) -> dict[str, Any]:
        """The year in few figures, and week by week."""
        anew = [one for one in self.found if "anew" in one]
        ratio = [one["update"]["cpu"] / one["anew"]["cpu"] for one in anew]
        return {
            "rows": self.table.base.num_rows + sum(week.num_rows for week in self.table.weeks),
            "updates": len(self.found),
            "refused": sum(one["decision"] == "refused" for one in self.found),
            "score": all(one["scores"] for one in self.found),
            "more_loss_than_anew": mean_change(anew, "beside_anew"),
            "less_loss_than_first": -mean_change(self.found, "beside_first"),
            "update_cpu_s": float(np.mean([one["update"]["cpu"] for one in self.found])),
            "anew_cpu_s": float(np.mean([one["anew"]["cpu"] for one in anew])) if anew else 0.0,
            "cpu_share_of_anew": float(np.mean(ratio)) if ratio else 0.0,
            "disk_mb": [
                round(self.found[at]["disk"] / 1e6, 1) for at in (0, len(self.found) // 2, -1)
            ],
            "weekly": self.found,
        }


def mean_change(weeks: Sequence[dict[str, Any]], beside: str) -> float:
    """How much more loss the updated file has than the other, as a share, over all rows of the
    weeks and the mean of all heads."""
    if not weeks:
        return 0.0
    counts = [one[beside]["rows"] for one in weeks]
    changes = []
    for head in weeks[0][beside]["heads"]:
        a, b = (
            np.average([one[beside]["heads"][head][of] for one in weeks], weights=counts)
            for of in ("a", "b")
        )
        changes.append(float(a / b - 1))
    return float(np.mean(changes))


def size_of(folder: Path) -> int:
    """Bytes of all files; one with two names counts once."""
    files = {(s.st_dev, s.st_ino): s.st_size for f in folder.rglob("*") if (s := f.lstat())}
    return sum(files.values())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.updates")
    add = parser.add_argument
    add("--tables", type=Path, help="folder of tables; made-up rows without it")
    add("--only", nargs="+", help="names of tables")
    add("--weeks", type=int, default=52, help="parts of the rows that come after the base (52)")
    add("--base", type=float, default=0.5, help="share of the rows that the first run has (0.5)")
    add("--anew", type=int, default=8, help="train anew in every so many weeks (8)")
    add("--learn", default="all", help="as in pipeline.update (all)")
    add("--set", nargs="+", default=[], help="settings of updates, as in pipeline.update")
    add("--output", type=Path, required=True, help="a folder to work in")
    return parser


if __name__ == "__main__":
    main(run)
