"""What an evaluation prints: a line for each metric with its interval, and tables of slices."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from kinds.charts import figure
from kinds.heads.any.intervals import Interval
from kinds.heads.metrics import KINDS, NO_MERIT, telling
from kinds.heads.score import FileHead
from serving.evaluation.head_sums import HeadSums

Content = Mapping[str, Mapping[str, Any]]


def metric_lines(
    content: Content, labels: Mapping[str, int | None] = MappingProxyType({})
) -> Iterator[str]:
    """A line for each metric of each head; `labels` has how many a head has, if it has any.

    >>> found = {"targets": 20, "accuracy": 0.75, "intervals": {"accuracy": [0.5, 0.9]}}
    >>> print("\\n".join(metric_lines({"ends": found})))
    ends  targets                             20
    ends  accuracy                        0.7500   0.5000 to 0.9000
    """
    width = max(map(len, content))
    for head, found in content.items():
        for name in telling(found, labels.get(head)):
            value = found[name]
            if isinstance(value, int | float):
                line = f"{head:<{width}}  {name:<27} {figure(value):>10}"
                yield line + _between(found.get("intervals", {}).get(name))


def slice_lines(sums: HeadSums) -> Iterator[str]:
    """A table of the slices of a head, and the worst of those that were tried."""
    rows = sums.shown()
    if rows:
        measures = _headlines(sums.head, rows[0][1])
        yield from _table([f"{sums.head.name}, slices", "targets", *measures], rows, measures)
    for one in sums.worst():
        gap, of = one.gap, f"{one.metric} {figure(one.gap.value)} of {one.gap.rows:,} rows"
        yield (
            f"{sums.head.name} is worse on {one.name}: {of}, {figure(gap.others)} of all others, "
            f"a difference of {_range(gap.interval())}"
        )


def _headlines(head: FileHead, metrics: Mapping[str, float]) -> list[str]:
    headlines = telling(KINDS[head.kind].headlines(), head.entries)
    named = [name for name in (*headlines, "coverage") if name in metrics]
    return named or [name for name in metrics if name not in NO_MERIT]


def _table(
    header: Sequence[str],
    rows: Sequence[tuple[str, Mapping[str, float], Mapping[str, Interval]]],
    measures: Sequence[str],
) -> Iterator[str]:
    cells = [list(header)]
    for name, metrics, between in rows:
        values = [f"{figure(metrics[m])}{_between(between.get(m))}" for m in measures]
        cells.append([name, f"{metrics['targets']:,}", *values])
    widths = [max(len(row[at]) for row in cells) for at in range(len(header))]
    for first, *others in cells:
        padded = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *padded]).rstrip()


def _between(found: Sequence[float] | None) -> str:
    return "" if found is None else f"   {_range(found)}"


def _range(ends: Sequence[float]) -> str:
    return f"{figure(ends[0])} to {figure(ends[1])}"
