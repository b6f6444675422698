"""The table at the end of a run of all stages: stage, rows, time, result, path."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.console.progress import duration
from pipeline.folders.data import DataFolder
from pipeline.folders.run import RunFolder
from pipeline.manifest import MANIFEST

HEADER = f"{'stage':<8} {'rows':>12} {'time':>8}  {'result':<10}  path"


@dataclass(frozen=True)
class Finished:
    """A stage that is done. `made` is False where its result was there already."""

    stage: str
    result: Path
    seconds: float
    made: bool


def published(result: Path) -> int | None:
    """When a result appeared, in nanoseconds; a folder does with its manifest."""
    path = result / MANIFEST if result.is_dir() else result
    return path.stat().st_mtime_ns if path.exists() else None


def table(finished: Sequence[Finished]) -> str:
    """One line for each stage under a header, and the time of all."""
    lines = [HEADER]
    for done in finished:
        count = rows_of(done.stage, done.result)
        rows = "-" if count is None else f"{count:,}"
        said = "made" if done.made else "up to date"
        time = duration(done.seconds)
        lines.append(f"{done.stage:<8} {rows:>12} {time:>8}  {said:<10}  {done.result}")
    total = duration(sum(done.seconds for done in finished))
    return "\n".join([*lines, f"{'all':<8} {'':>12} {total:>8}"])


def rows_of(stage: str, result: Path) -> int | None:
    """The rows of a stage: the examples of prepare, those of them that train learned from, the
    scored rows. The others go through no rows of their own."""
    if stage == "prepare":
        return sum(DataFolder(result).examples.values())
    if stage == "train":
        return RunFolder(result).rows("train")
    if stage != "score":
        return None
    with result.open("rb") as file:
        return int(pq.read_metadata(file).num_rows)
