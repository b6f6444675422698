"""The tables that a run prints: what the network consists of, and what it reached."""

from collections.abc import Mapping, Sequence
from typing import Any

from kinds.heads.any.metrics import below


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need; the first is text, the others are numbers.

    >>> print(table(["head", "log loss"], [["kind", "1.5"]]))
    head  log loss
    kind       1.5
    """
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = []
    for row in (header, *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def parameter_table(parameters: Mapping[str, int]) -> str:
    """How many weights each group owns."""
    rows = [[group, f"{count:,}"] for group, count in parameters.items()]
    return table(["weights", "count"], [*rows, ["together", f"{sum(parameters.values()):,}"]])


def phase_line(facts: Mapping[str, Any]) -> str:
    """A phase in one line."""
    before, after = facts["objective"]
    outcome = "kept" if facts["accepted"] else "taken back"
    held_out = ""
    if facts["held_out_loss"][0] is not None:
        held_out = ", held out {:.5g} to {:.5g}".format(*facts["held_out_loss"])
    return (
        f"phase of {facts['block']} by {facts['method']} after epoch {facts['epochs_done']}: "
        f"objective {before:.5g} to {after:.5g}{held_out}, {outcome}; "
        f"{facts['evaluations']} evaluations, {facts['seconds']:.1f} s"
    )


def speed_line(lines: Sequence[Mapping[str, Any]]) -> str:
    """How fast a run's ordinary steps were, from the lines of its history; empty without any. With
    sampled classes the sampled steps and the exact ones apart.

    >>> pace = {"seconds": 2.0, "examples_per_second": 50.0, "share_waiting_for_data": 0.01}
    >>> speed_line([{"pace": {"exact": pace}}])
    '50 examples/s, 1.0 % of the time waiting for data'
    """
    paces = [line["pace"] for line in lines if "pace" in line]
    kinds = dict.fromkeys(kind for pace in paces for kind in pace)
    told = {kind: _speed([pace[kind] for pace in paces if kind in pace]) for kind in kinds}
    if list(told) == ["exact"]:
        return told["exact"]
    return "\n".join(f"{kind} steps: {speed}" for kind, speed in told.items())


def _speed(paces: Sequence[Mapping[str, float]]) -> str:
    seconds = sum(pace["seconds"] for pace in paces) or 1.0
    examples = sum(pace["seconds"] * pace["examples_per_second"] for pace in paces)
    waited = sum(pace["seconds"] * pace["share_waiting_for_data"] for pace in paces)
    share = f"{waited / seconds:.1%}".replace("%", " %")
    return f"{examples / seconds:,.0f} examples/s, {share} of the time waiting for data"


def phase_summary(lines: Sequence[Mapping[str, Any]]) -> str:
    """What the phases of a run cost and gained, from the lines of its history; empty without any.

    The gain is the sum over the kept phases, each measured where it stood.
    """
    phases = [phase for line in lines for phase in line.get("phases", [])]
    ordinary = sum(line.get("seconds", 0.0) for line in lines)
    rows = []
    for block in dict.fromkeys(phase["block"] for phase in phases):
        own = [phase for phase in phases if phase["block"] == block]
        kept = [phase for phase in own if phase["accepted"]]
        seconds = sum(phase["seconds"] for phase in own)
        gains = [fall(kept, "objective"), fall(kept, "held_out_loss")]
        share = f"{seconds / ordinary:.0%}" if ordinary else "-"
        cells = [f"{seconds:.1f}", share, *(f"{gain:.4g}" for gain in gains)]
        rows.append([block, f"{len(kept)} of {len(own)}", *cells])
    header = ["phases", "kept", "seconds", "of training", "objective fell", "held-out loss fell"]
    return table(header, rows) if rows else ""


def fall(phases: Sequence[Mapping[str, Any]], name: str) -> float:
    pairs = [phase[name] for phase in phases if None not in phase[name]]
    return float(sum(before - after for before, after in pairs))


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """Each head's metrics on the last held-out split, beside its baselines."""
    split = next((s for s in ("test", "eval") if s in metrics), None)
    if split is None:
        return "no held-out rows, so nothing was measured"
    return "\n\n".join(
        head_table(name, split, of_head, metrics["baselines"].get(name, {}))
        for name, of_head in metrics[split].items()
    )


def below_baselines(metrics: Mapping[str, Any]) -> dict[str, list[str]]:
    """{head: the metrics in which a baseline is better}, on the last held-out split."""
    split = next((s for s in ("test", "eval") if s in metrics), "")
    found = {}
    for name, of_head in metrics.get(split, {}).items():
        own = metrics["baselines"].get(name, {}).values()
        if worse := below(of_head, [baseline.get(split, {}) for baseline in own]):
            found[name] = worse
    return found


def below_lines(below: Mapping[str, Sequence[str]]) -> str:
    """
    >>> below_lines({"label": ["accuracy@1", "mean_reciprocal_rank"]})
    'label is below a baseline in accuracy@1, mean reciprocal rank'
    """
    return "\n".join(
        f"{head} is below a baseline in {', '.join(name.replace('_', ' ') for name in names)}"
        for head, names in below.items()
    )


def head_table(
    name: str, split: str, model: Mapping[str, float], baselines: Mapping[str, Any]
) -> str:
    strongest = baselines.get("strongest_input", {})
    columns = [model, baselines.get("constant", {}).get(split, {}), strongest.get(split, {})]
    source = strongest.get("input")
    header = [f"{name} ({split})", "model", "constant", f"given {source}" if source else "-"]
    rows = [
        [metric.replace("_", " "), *(_cell(column.get(metric)) for column in columns)]
        for metric in model
    ]
    return table(header, rows)


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
