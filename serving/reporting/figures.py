"""What there is to see in a model and its data, as charts and as tables with bars."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from serving.reporting.judged import (
    Group,
    Point,
    by_frequency,
    calibration,
    off_by,
)
from serving.reporting.plots import Axis, Chart, Series, percent, spanning
from serving.reporting.report_data import Found, Scored

CURVE_POINTS = 60
HEAD, TAIL = 10, 5
FREQUENT, NEIGHBOURS = 8, 6


@dataclass(frozen=True)
class Bars:
    """A table whose first number is also drawn: (word, share of the longest, cells)."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, float, tuple[str, ...]]]
    note: str = ""


def vocabulary_charts(found: Found) -> Iterator[Chart]:
    """Each vocabulary's counts by rank, and what its most frequent values cover together."""
    for name, counts in found.vocabularies.items():
        ranked = sorted(counts.values(), reverse=True)
        if len(ranked) > 1 and ranked[0] > 0:
            yield _zipf(name, ranked)
            yield _coverage(name, ranked, _occurrences(found, name) or sum(ranked))


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


def _occurrences(found: Found, vocabulary: str) -> int:
    """How many values of train the vocabulary was counted over, the unknown ones too."""
    inputs = {n: p.vocabulary for n, p in found.spec.embedded_inputs().items()}
    heads = {n: h.vocabulary for n, h in found.spec.label_heads().items()}
    said = found.statistics
    total = 0.0
    for part, names, unit in (("inputs", inputs, "values"), ("heads", heads, "targets")):
        for name in (n for n, v in names.items() if v == vocabulary):
            total += _known(said.get(part, {}).get(name, {}).get("train", {}), unit)
    counted = sum(found.vocabularies[vocabulary].values())
    return max(round(total), counted)


def _known(train: Mapping[str, float], unit: str) -> float:
    return train.get(unit, 0) * (1 - train.get("missing", 0.0))


def label_bars(found: Found, vocabulary: str) -> Bars:
    """The most frequent labels, and the rarest that still have an id."""
    ranked = sorted(found.vocabularies[vocabulary].items(), key=lambda item: -item[1])
    total = max(_occurrences(found, vocabulary), 1)
    shown = ranked if len(ranked) <= HEAD + TAIL else [*ranked[:HEAD], *ranked[-TAIL:]]
    rows = [(v, n / max(ranked[0][1], 1), (f"{n:,}", percent(n / total, 2))) for v, n in shown]
    left = len(ranked) - len(shown)
    note = f"{left:,} more between the first {HEAD} and the last {TAIL}" if left else ""
    return Bars(f"{vocabulary}: head and tail", ("label", "in train", "share"), rows, note)


def reject_bars(found: Found) -> Bars:
    """Rejected rows by reason."""
    reasons: Mapping[str, int] = found.statistics.get("rejected_by_reason", {})
    most = max(reasons.values(), default=1)
    rows = [
        (reason.replace("_", " "), n / most, (f"{n:,}",))
        for reason, n in sorted(reasons.items(), key=lambda item: -item[1])
    ]
    return Bars("Rejected rows by reason", ("reason", "rows"), rows)


def curves(found: Found) -> Iterator[Chart]:
    """Losses by epoch: the whole objective with its phases, then each head."""
    epochs = [line for line in found.history if "epoch" in line]
    phases = [phase for line in found.history for phase in line.get("phases", [])]
    bars = [(float(p["epochs_done"]), f"phase of {p['block']}") for p in phases]
    whole = [Series("eval", _by_epoch(epochs, "eval_loss"))]
    whole += _phase_series(phases)
    titled = {"all heads, weighted, on eval": whole}
    for head in found.spec.heads:
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


def head_charts(found: Found, name: str) -> Iterator[Chart]:
    """Calibration of what says probabilities, said against was of numbers."""
    scored = found.scored[name]
    points = _calibration(scored)
    if len(points) < 2:
        return
    values = [v for p in points for v in (p.said, p.was)]
    if scored.head.kind in ("regression", "count"):
        title, words, is_share = "predicted and real", ("mean prediction", "mean target"), False
        note = "each dot a tenth of the rows, by rising prediction"
    else:
        title, words, is_share = "calibration", ("said", "came true"), True
        note = f"off by {percent(off_by(points))} on average; each dot a tenth of the rows"
    x, y = (spanning(word, values, percent=is_share) for word in words)
    dots = Series("rows", [(p.said, p.was) for p in points], "dots")
    yield Chart(f"{name}: {title}", x, y, [dots], even=True, note=note)


def _calibration(scored: Scored) -> list[Point]:
    kind, guesses = scored.head.kind, scored.guesses
    if kind in ("classification", "multilabel"):
        return calibration(
            np.array([g.sure for g in guesses]), np.array([float(g.right) for g in guesses])
        )
    (results,) = scored.results.values()
    said, was = (
        a.to_numpy(zero_copy_only=False).astype(np.float64) for a in (results, scored.targets)
    )
    there = ~np.isnan(was)
    return calibration(said[there], was[there])


def frequency_bars(found: Found, name: str) -> Bars:
    """Accuracy of a classification head by how often its label occurs in train."""
    scored = found.scored[name]
    counts = found.vocabularies[found.spec.label_heads()[name].vocabulary]
    targets = [guess.target for guess in scored.guesses]
    places = [_place(guess.target, [a for a, _ in guess.answers]) for guess in scored.guesses]
    groups = by_frequency(targets, places, counts)
    most = max((len(g.answers) for g in scored.guesses), default=0)
    rows = [
        (_decade(g), g.within, (percent(g.within), percent(g.first), f"{g.rows:,}")) for g in groups
    ]
    header = ("label in train", f"among {most}", "first", "rows")
    return Bars(f"{name}: accuracy by frequency of the label", header, rows)


def _place(target: str, answers: Sequence[str]) -> int | None:
    return answers.index(target) if target in answers else None


def _decade(group: Group) -> str:
    """
    >>> _decade(Group(10, 5, 0.0, 0.0)), _decade(Group(None, 5, 0.0, 0.0))
    ('10 to 99 times', 'not in the vocabulary')
    """
    if group.least is None:
        return "not in the vocabulary"
    return f"{group.least:,} to {10 * group.least - 1:,} times"


def neighbours(found: Found) -> Iterator[tuple[str, list[tuple[str, list[tuple[str, float]]]]]]:
    """(input or head, the neighbours of its most frequent values), each vocabulary once."""
    spaces = {
        name: (part.vocabulary, found.graph.of_input(name))
        for name, part in found.spec.embedded_inputs().items()
    }
    spaces |= {
        name: (head.vocabulary, found.graph.of_head(name))
        for name, head in found.spec.label_heads().items()
    }
    for name, (vocabulary, space) in spaces.items():
        if space is not None and len(space.values) > FREQUENT:
            counts = found.vocabularies[vocabulary]
            often = sorted(space.values, key=lambda value: -counts.get(value, 0))[:FREQUENT]
            yield name, [(value, space.nearest(value, NEIGHBOURS)) for value in often]
