"""What a run says about its epochs and phases: JSON lines, and the same numbers for TensorBoard.

A line of history.jsonl has `epoch`, or `before_epoch` for the phases before one. TensorBoard itself
need not be installed: its event files are written with TensorFlow's own means.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

SCALARS = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class=1
)


@dataclass(frozen=True)
class History:
    """`path` is the file of lines, `events` the folder that TensorBoard is pointed at (here or
    elsewhere), `told` who else is told of each line."""

    path: Path
    events: str
    told: tuple[Callable[[Mapping[str, Any]], None], ...] = ()

    def append(self, line: Mapping[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        step = int(line.get("epoch", line.get("before_epoch", 0)))
        write_scalars(self.events, dict(scalars(line)), step)
        for tell in self.told:
            tell(line)

    def trim(self, *, finished: int, begun: int) -> None:
        """Drops the lines that an interrupted run wrote after its last checkpoint."""
        if self.path.exists():
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if _is_past(line, finished, begun)]
            self.path.write_text("".join(kept), encoding="utf-8")


def write_scalars(events: str, values: Mapping[str, float], step: int) -> None:
    """Writes an event file of numbers by name."""
    writer = tf.summary.create_file_writer(events)
    with writer.as_default(step=step):
        for name, value in values.items():
            tf.summary.write(name, tf.constant(value, tf.float32), metadata=SCALARS)
    writer.close()


def scalars(line: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of a line by their place; a pair of numbers is before and after.

    >>> list(scalars({"epoch": 3, "eval": {"label": 0.5}, "best": True}))
    [('eval/label', 0.5), ('best', 1.0)]
    >>> list(scalars({"phases": [{"block": "common", "objective": [2.0, 1.5]}]}))
    [('phases/common/objective/before', 2.0), ('phases/common/objective/after', 1.5)]
    """
    for name, value in line.items():
        match value:
            case dict():
                yield from scalars(value, f"{place}{name}/")
            case int() | float() if name not in ("epoch", "before_epoch"):
                yield place + name, float(value)
            case [float() as before, float() as after]:
                yield f"{place}{name}/before", before
                yield f"{place}{name}/after", after
            case [{"block": _}, *_]:
                for phase in value:
                    numbers = {n: v for n, v in phase.items() if n != "step_lengths"}
                    yield from scalars(numbers, f"{place}{name}/{phase['block']}/")


def _is_past(line: str, finished: int, begun: int) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:  # cut short by a kill
        return False
    return bool(entry.get("epoch", 0) <= finished and entry.get("before_epoch", 0) <= begun)
