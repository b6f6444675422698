"""The verdict on a run, a line for each head: the model against what is simpler; where it does not
win, what to use instead, and why that may be."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kinds.charts import percent, rounded
from kinds.heads.any.intervals import LEVEL
from kinds.heads.metrics import KINDS, is_beyond
from kinds.memory import parts
from pipeline.folders.prepared import Statistics

SIDE = "eval"
# Words for what is learned by, before those for what is only measured.
LOSSES = ("loss", "deviance", "squared")
# Reasons are named from these on.
FEW_ROWS, FEW_ROWS_A_LABEL, FEW_OF_AN_ANSWER = 2_000, 10, 100
MORE_UNKNOWN, IN_TRAIN_TOO = 0.05, 0.01
# Figures of fewer held-out targets are of no great use.
FEW_JUDGED = 100
# A single column with so small a share of the constant's loss gives the target away.
GIVEN_AWAY = 0.1


def verdict(metrics: Mapping[str, Any], kinds: Mapping[str, str], known: Statistics) -> list[str]:
    """Of all heads, on eval; `kinds` of the heads, `known` of the prepared rows."""
    of_side: Mapping[str, Any] = metrics.get(SIDE, {})
    return [
        head_verdict(
            *(name, kinds[name], loss, model, metrics["baselines"].get(name, {}), known),
            metrics.get("intervals", {}).get(SIDE, {}).get(name, {}).get(loss),
        )
        + _better_part(metrics.get("memory", {}).get(name, {}))
        for name, model in of_side.items()
        if model.get("targets") and (loss := loss_of(kinds[name], model))
    ]


def _better_part(said: Mapping[str, Any]) -> str:
    """What is better than the whole model, though a part of it; empty where nothing is."""
    part = parts.better(said)
    return part and f". Better still: {part}"


def head_verdict(
    name: str,
    kind: str,
    loss: str,
    model: Mapping[str, float],
    baselines: Mapping[str, Any],
    known: Statistics,
    between: Sequence[float] | None = None,
) -> str:
    """One head in one line; `loss` is what training makes small, `between` its interval."""
    others = {of(what, one): one[SIDE] for what, one in baselines.items() if one.get(SIDE)}
    metrics = [m for m in KINDS[kind].headlines() if m in model]
    worse = {m: better for m in metrics if (better := best(kind, m, model, others))}
    worse = {
        m: other
        for m, other in worse.items()
        if m == loss or "error" in m or not by_chance(model[m], others[other][m], model["targets"])
    }
    line = f"{name}: {compared(loss, model, others)}"
    if not worse:
        return f"{line}: the model is the best" if others else line
    uses = dict.fromkeys(worse.values())
    instead = " or ".join(uses)
    why_not = [*reasons(name, loss, others, known)]
    if between and loss in worse and not is_beyond(others[worse[loss]][loss], between):
        held = f"the {percent(LEVEL, 0)} interval of {rounded(between[0])} to {rounded(between[1])}"
        why_not.append(f"chance, {held} holds both")
    found = "; ".join(why_not)
    why = f" Why it may be: {found}." if found else ""
    lost = ", ".join(f"{_words(m)} ({_pair(m, model, others[use])})" for m, use in worse.items())
    if loss in worse:
        return f"{line}. The model does not win in {lost}: use {instead}.{why}"
    return f"{line}: the model is the best, but not in {lost}; for that use {instead}.{why}"


def loss_of(kind: str, model: Mapping[str, float]) -> str | None:
    """Of a head's headlines the one that training makes small.

    >>> found = {"mean_absolute_error": 1.0, "root_mean_squared_error": 2.0}
    >>> loss_of("regression", found)
    'root_mean_squared_error'
    """
    found = [m for m in KINDS[kind].headlines() if m in model]
    return next((m for word in LOSSES for m in found if word in m), None)


def of(what: str, baseline: Mapping[str, Any]) -> str:
    """What a baseline is called."""
    if "input" in baseline:
        return f"counts given {baseline['input']}"
    return {"constant": "a constant"}.get(what, what.replace("_", " "))


def best(
    kind: str, metric: str, model: Mapping[str, float], others: Mapping[str, Mapping[str, float]]
) -> str | None:
    """The best of the others, where it is better than the model."""
    short = KINDS[kind].shortfall
    having = [name for name, one in others.items() if metric in one]
    found = min(having, key=lambda name: short(metric, others[name][metric]), default=None)
    if found and short(metric, others[found][metric]) < short(metric, model[metric]):
        return found
    return None


def by_chance(share: float, other: float, rows: float) -> bool:
    """Whether two shares of some rows differ by no more than their standard error.

    >>> by_chance(0.941, 0.942, 3_000), by_chance(0.9, 0.942, 3_000)
    (True, False)
    """
    return abs(share - other) <= math.sqrt(max(0.0, other * (1 - other)) / rows)


def compared(
    metric: str, model: Mapping[str, float], others: Mapping[str, Mapping[str, float]]
) -> str:
    """
    >>> compared("log_loss", {"log_loss": 0.5}, {"a constant": {"log_loss": 0.75}})
    'log loss 0.5 on eval, a constant 0.75'
    """
    judged = model.get("targets", FEW_JUDGED)
    few = f" (of {judged:,.0f} targets only, too few to be sure)" if judged < FEW_JUDGED else ""
    told = [f"{_words(metric)} {rounded(model[metric])} on {SIDE}{few}"]
    told += [f"{name} {rounded(one[metric])}" for name, one in others.items() if metric in one]
    return ", ".join(told)


def reasons(
    name: str, loss: str, others: Mapping[str, Mapping[str, float]], known: Statistics
) -> Iterator[str]:
    """Of what is known of the rows, what can make a model lose against counts."""
    rows, labels = known.rows.get("train", 0), known.labels.get(name, {}).get("entries", 0)
    # Of a list many targets are in one row.
    targets = max(rows, known.targets(name, "train"))
    if labels and targets < FEW_ROWS_A_LABEL * labels:
        what = "targets" if targets > rows else "rows"
        yield f"too few {what}, {targets:,} for {labels:,} labels"
    elif 0 < targets < FEW_ROWS:
        yield f"too few rows, {rows:,}"
    own = known.heads.get(name, {}).get("train", {})
    if (yes := own.get("positive")) is not None:
        rarer = round(min(yes, 1 - yes) * own["targets"])
        if rarer < FEW_OF_AN_ANSWER:
            yield f"too few rows of the rarer answer, {rarer:,}"
    for what, shares in [("targets", known.heads.get(name, {})), *known.inputs.items()]:
        before, now = (
            shares.get(side, {}).get("out_of_vocabulary", 0.0) for side in ("train", SIDE)
        )
        if now - before >= MORE_UNKNOWN:
            share = f"{now:.0%}".replace("%", " %")
            yield f"drift between the splits, {share} of the {what} on {SIDE} are not in train"
    leak = known.leaks.get("examples", {}).get(SIDE)
    if leak and leak["in_train"] >= IN_TRAIN_TOO * leak["compared"] > 0:
        share = f"{leak['in_train']:,} of {leak['compared']:,} rows on {SIDE}"
        yield f"a leak, {share} are in train, too"
    constant = others.get("a constant", {}).get(loss)
    for other, one in others.items():
        if constant and other != "a constant" and one.get(loss, constant) < GIVEN_AWAY * constant:
            yield f"a leak, as {other} alone nearly give the target"


def _words(metric: str) -> str:
    return metric.replace("_", " ")


def _pair(metric: str, model: Mapping[str, float], other: Mapping[str, float]) -> str:
    return f"{rounded(model[metric])} against {rounded(other[metric])}"
