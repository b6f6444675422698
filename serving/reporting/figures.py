"""Charts and tables of a model's data and of how it learned."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from kinds.charts import Axis, Bars, Chart, Series, percent, spanning
from kinds.memory import show as memories
from serving.reporting.report_data import ReportData

CURVE_POINTS = 60
# Fewer values have no curve worth a look.
FEWEST = 5
HEAD, TAIL = 10, 5
FREQUENT, NEIGHBOURS = 8, 6
MEMORY_HEADER = memories.HEADER


def vocabulary_charts(data: ReportData) -> Iterator[Chart]:
    """Each vocabulary's counts by rank, and what its most frequent values cover together."""
    for name, counts in data.vocabularies.items():
        ranked = sorted(counts.values(), reverse=True)
        if len(ranked) >= FEWEST and ranked[0] > 0:
            yield _zipf(name, ranked)
            yield _coverage(name, ranked, _occurrences(data, name) or sum(ranked))


def _zipf(name: str, ranked: Sequence[int]) -> Chart:
    points = [(float(rank), float(ranked[rank - 1])) for rank in _ranks(len(ranked))]
    points = [(rank, count) for rank, count in points if count > 0]
    return Chart(
        f"{name}: how often, by rank",
        spanning("rank", [x for x, _ in points], log=True),
        spanning("occurrences", [y for _, y in points], log=True),
        [Series(name, points, "line")],
    )


def _coverage(name: str, ranked: Sequence[int], total: int) -> Chart:
    running = list(accumulate(ranked))
    points = [(float(rank), running[rank - 1] / total) for rank in _ranks(len(ranked))]
    return Chart(
        f"{name}: covered by the most frequent",
        spanning("values with an id of their own", [1.0, float(len(ranked))], log=True),
        Axis("of all occurrences", 0, 1, percent=True),
        [Series(name, points, "line")],
        note=f"{percent(running[-1] / total)} by all {len(ranked):,}",
    )


def _ranks(count: int) -> list[int]:
    """Ranks from 1 to `count`, evenly spread over the logarithm.

    >>> _ranks(4)
    [1, 2, 3, 4]
    """
    return sorted({round(float(rank)) for rank in np.geomspace(1, count, CURVE_POINTS)})


def _occurrences(data: ReportData, vocabulary: str) -> int:
    """How many values of train the vocabulary was counted over, the unknown ones too."""
    spec, total = data.spec, 0.0
    for name in spec.counted(vocabulary):
        if name in spec.inputs:
            train = data.statistics.inputs.get(name, {}).get("train", {})
            total += train.get("values", 0) * (1 - train.get("missing", 0.0))
        else:
            total += data.statistics.heads.get(name, {}).get("train", {}).get("targets", 0)
    counted = sum(data.vocabularies[vocabulary].values())
    return max(round(total), counted)


def label_bars(data: ReportData, head: str) -> Bars:
    """The most frequent labels of a head, and the rarest that still have an id."""
    ranked = sorted(data.labels[head].items(), key=lambda item: -item[1])
    train = data.statistics.heads.get(head, {}).get("train", {})
    total = max(train.get("targets", 0), sum(data.labels[head].values()), 1)
    shown = ranked if len(ranked) <= HEAD + TAIL else [*ranked[:HEAD], *ranked[-TAIL:]]
    rows = [(v, n / max(ranked[0][1], 1), (f"{n:,}", percent(n / total, 2))) for v, n in shown]
    left = len(ranked) - len(shown)
    note = f"{left:,} more between the first {HEAD} and the last {TAIL}" if left else ""
    return Bars(f"{head}: head and tail", ("label", "in train", "share"), rows, note)


def memory_rows(data: ReportData) -> Iterator[Sequence[str]]:
    """What each memory holds of each head, under MEMORY_HEADER."""
    of = {name: one.of for name, one in data.spec.memories.items()}
    return memories.rows(of, data.statistics.memory)


def reject_bars(data: ReportData) -> Bars:
    """Rejected rows by reason."""
    reasons = data.statistics.rejected_by_reason
    most = max(reasons.values(), default=1)
    rows = [
        (reason.replace("_", " "), n / most, (f"{n:,}",))
        for reason, n in sorted(reasons.items(), key=lambda item: -item[1])
    ]
    return Bars("Rejected rows by reason", ("reason", "rows"), rows)


def curves(data: ReportData) -> Iterator[Chart]:
    """Losses by epoch: the whole objective with its phases, then each head."""
    epochs = [line for line in data.history if "epoch" in line]
    phases = [phase for line in data.history for phase in line.get("phases", [])]
    bars = [(float(p["epochs_done"]), f"phase of {p['block']}") for p in phases]
    whole = [Series("eval", _by_epoch(epochs, "eval_loss"))]
    whole += _phase_series(phases)
    titled = {"all heads, weighted, on eval": whole}
    for head in data.spec.heads:
        titled[head] = [Series(side, _by_epoch(epochs, side, head)) for side in ("train", "eval")]
    for title, series in titled.items():
        if drawn := [one for one in series if one.points]:
            yield _curve(title, drawn, bars)


def _phase_series(phases: Sequence[Mapping[str, Any]]) -> Iterator[Series]:
    """The held-out loss before and after each phase, where it was asked for."""
    for phase in phases:
        if phase["held_out_loss"][0] is not None:
            at = float(phase["epochs_done"])
            yield Series("phase", [(at, loss) for loss in phase["held_out_loss"]], "both")


def _by_epoch(epochs: Sequence[Mapping[str, Any]], *place: str) -> Sequence[tuple[float, float]]:
    points = []
    for line in epochs:
        value: Any = line
        for name in place:
            value = value.get(name, {}) if isinstance(value, dict) else {}
        if isinstance(value, float):
            points.append((float(line["epoch"]), value))
    return points


def _curve(title: str, series: Sequence[Series], bars: Sequence[tuple[float, str]]) -> Chart:
    xs = [x for s in series for x, _ in s.points]
    ys = [y for s in series for _, y in s.points]
    shown = [Series(s.name, s.points, "both" if len(s.points) < 30 else "line") for s in series]
    return Chart(title, spanning("epoch", xs, whole=True), spanning("loss", ys), shown, bars)


def neighbours(data: ReportData) -> Iterator[tuple[str, list[tuple[str, list[tuple[str, float]]]]]]:
    """(input or head, the neighbours of its most frequent values), each vocabulary once."""
    spec, graph = data.spec, data.graph
    for name, vocabulary in spec.vocabulary_of().items():
        space = graph.of_input(name) if name in spec.inputs else graph.of_head(name)
        if space is not None and len(space.values) > FREQUENT:
            counts = data.vocabularies[vocabulary]
            often = sorted(space.values, key=lambda value: -counts.get(value, 0))[:FREQUENT]
            yield name, [(value, space.nearest(value, NEIGHBOURS)) for value in often]
