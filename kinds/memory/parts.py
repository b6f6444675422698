"""The parts of a head with memories: its network, its memories, and all together.

Each is measured on the half of the eval rows that has fitted nothing; the run's metrics hold it
under "memory". Standard library only.
"""

from collections.abc import Mapping, Sequence
from typing import Any

# No memory can be called so.
NETWORK, MEMORIES, MIXTURE = "the network", "all memories", "together"
# A log loss that is lower by this share is worth a memory, or a word.
LEAST_GAIN = 0.005

Metrics = Mapping[str, float | None]
Intervals = Mapping[str, Sequence[float]]


def columns(said: Mapping[str, Any]) -> list[tuple[str, Metrics]]:
    """(title, metrics) of all together and then of each part alone, of what the metrics of a run
    say of a head's memory; none where no rows were held out."""
    parts: dict[str, Metrics] = dict(said.get("parts", {}))
    if not parts:
        return []
    together = parts.pop(MIXTURE)
    return [(MIXTURE, together), *((f"{name} alone", own) for name, own in parts.items())]


def rows(found: Sequence[tuple[str, Metrics]]) -> list[tuple[str, list[float | None]]]:
    """(metric, its value in each of the columns)"""
    return [(metric, [own.get(metric) for _, own in found]) for metric in found[0][1]]


def between(said: Mapping[str, Any]) -> list[Intervals]:
    """{metric: its interval} in each of the columns, of what a run's metrics say of a head's
    memory; of each part alone none in runs of an earlier version."""
    alone = said.get("part_intervals", {})
    names = [name for name in said.get("parts", {}) if name != MIXTURE]
    return [said.get("intervals", {}), *(alone.get(name, {}) for name in names)]


def better(said: Mapping[str, Any]) -> str:
    """The part that is better than all together, with the log loss of both; empty where none is by
    so much that it matters.

    >>> found = {"all memories": {"log_loss": 3.25}, "together": {"log_loss": 3.5}}
    >>> better({"parts": found, "worse_than": "all memories"})
    'all memories alone, log loss 3.25 against 3.5 on half of eval'
    """
    if not (part := said.get("worse_than")):
        return ""
    loss, together = (said["parts"][name]["log_loss"] for name in (part, MIXTURE))
    if loss > (1 - LEAST_GAIN) * together:
        return ""
    return f"{part} alone, log loss {loss:.4g} against {together:.4g} on half of eval"
