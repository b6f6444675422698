"""A model that is updated, and others trained anew: the steps of benchmarks.updates and fold_in."""

import contextlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow.csv

import pipeline
from benchmarks.updates_stages import Cost
from kinds.heads.metrics import KINDS
from pipeline import update
from pipeline.failures import Failure
from pipeline.folders.output import Output
from pipeline.folders.published import read_json
from pipeline.folders.versions import CURRENT, VERSIONS, VersionFolder
from pipeline.updating.version import folder_name
from serving import compare
from serving.scorer import Scorer

STAGES = ("prepare", "train", "export")


class Costs(Protocol):
    """Of the stages since it was asked last."""

    def cost(self) -> Cost: ...


@dataclass(frozen=True)
class Updated:
    """A folder with a spec, `spec.yaml`, the first run in OUT, and its versions."""

    folder: Path
    costs: Costs

    @property
    def out(self) -> Path:
        return self.folder / "OUT"

    @property
    def served(self) -> Path:
        """The file that is served."""
        return VersionFolder(self.out / CURRENT).model.model

    def anew(self, files: Sequence[Path], output: Path) -> Cost:
        """A run of all stages that make a file."""
        pipeline.run(self.folder / "spec.yaml", [*map(str, files)], output, stages=STAGES)
        return self.costs.cost()

    def update(
        self, files: Sequence[Path], learn: str, settings: Sequence[str] = ()
    ) -> dict[str, Any]:
        """What an update decided and cost, and whether its file scores."""
        words = [word for one in settings for word in ("--set", one)]
        line = [str(self.out), "--input", *map(str, files), "--learn", learn, *words]
        with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(Failure):
            update.run(line)
        last = json.loads(said.getvalue().splitlines()[-1])
        made = VersionFolder(self.out / VERSIONS / folder_name(last["version"]))
        rows = pyarrow.csv.read_csv(files[-1]).slice(0, 5)
        return {
            "decision": last["decision"],
            "scores": Scorer(made.model.model).score(rows).num_rows == rows.num_rows,
            "stages": read_json(made.record)["seconds"],
            "update": self.costs.cost()._asdict(),
        }


def file_of(output: Path) -> Path:
    """The model file that a run of all stages has made."""
    return Output(output).model.model


def compared(a: Path, b: Path, rows: Path) -> dict[str, Any]:
    """The loss of each head in two files on the same rows, and how many these are."""
    found = compare.compare(a, b, [str(rows)], workers=1)
    kinds = {head.name: head.kind for head in Scorer(a, workers=1).heads()}
    losses = {head: KINDS[kinds[head]].loss() for head in found.heads}
    heads = {
        head: {"loss": name, "a": found.heads[head][name].a, "b": found.heads[head][name].b}
        for head, name in losses.items()
    }
    return {"rows": found.rows, "heads": heads}
