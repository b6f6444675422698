"""The tables that a run prints: what the network consists of, and what it reached."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Protocol

from kinds.charts import figure, percent, rounded
from kinds.heads.any.intervals import LEVEL
from kinds.heads.metrics import KINDS, below, telling
from kinds.memory import parts

HELD_OUT = ("eval", "test")


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


@dataclass(frozen=True)
class Ended:
    """How a run came to its end: after how many of its epochs, how long ago the held-out loss was
    lowest, which epoch's weights are kept (None for the last), their held-out loss, and whether it
    was the time that ended it. Epochs may be judged by a `selected` metric; then the loss is how
    far that falls short. `keeps_last`: whether the last weights were asked for."""

    epochs: int
    of: int
    waited: int
    kept: int | None
    held_out_loss: float
    time_was_up: bool = False
    selected: str = ""
    keeps_last: bool = False

    @property
    def why(self) -> str:
        if self.epochs >= self.of:
            return "all are done"
        if self.time_was_up:
            return "the time was up"
        not_better = "the held-out loss was not lower"
        if self.selected:
            not_better = f"the held-out {self.selected} was not better"
        return f"{not_better} in the last {self.waited} (patience)"

    def line(self) -> str:
        """
        >>> Ended(5, 10, 2, 3, 4.5).line()
        'ended after epoch 5 of 10: the held-out loss was not lower in the last 2 (patience); the weights of epoch 3 are kept, with a held-out loss of 4.5'
        """  # noqa: E501
        if not self.of:
            return "ended without an epoch: what learns, if anything, did so in phases"
        said = "the spec asks" if self.keeps_last else "no eval rows say which are best"
        kept = f"the last weights are kept, as {said}"
        if self.kept is not None:
            kept = f"the weights of epoch {self.kept} are kept, "
            what = self.selected or "loss"
            kept += f"with a held-out {what} of {abs(self.held_out_loss):.4g}"
        return f"ended after epoch {self.epochs} of {self.of}: {self.why}; {kept}"

    def facts(self) -> dict[str, Any]:
        """What the manifest of a run says of it."""
        loss = None if self.kept is None else self.held_out_loss
        return {**asdict(self), "held_out_loss": loss, "why": self.why}


class Shown(Protocol):
    """What of an epoch is shown: the metrics of each head, and the one it is judged by."""

    @property
    def epochs(self) -> int: ...

    @property
    def selected(self) -> str: ...

    @property
    def shown(self) -> Mapping[str, Sequence[str]]: ...


def epoch_line(epoch: int, settings: Shown, facts: Mapping[str, Any]) -> str:
    """An epoch as its line of the history tells it.

    >>> class Three:
    ...     epochs, selected, shown = 3, "", {"next": ("log_loss", "accuracy@1")}
    >>> found = {"eval_loss": 4.5, "best": True, "eval": {"next": 4.5}}
    >>> metrics = {"next": {"accuracy@1": 0.25, "accuracy@5": 0.5, "log_loss": 4.5}}
    >>> epoch_line(1, Three(), found | {"eval_metrics": metrics})
    'after epoch 1 of 3: held-out loss 4.5, the lowest so far; next: log loss 4.5, accuracy@1 0.25'
    """
    epochs = settings.epochs
    if "eval_loss" not in facts:
        losses = ", ".join(f"{name} {loss:.4g}" for name, loss in facts["train"].items())
        return f"after epoch {epoch} of {epochs}: loss in training {losses}; no eval rows"
    judged, best = f"held-out loss {facts['eval_loss']:.4g}", ", the lowest so far"
    if settings.selected:
        judged += f", {settings.selected} {facts['selected']:.4g}"
        best = ", the best so far"
    judged += best * facts["best"]
    own = _headlines(settings.shown, facts["eval_metrics"])
    return "; ".join([f"after epoch {epoch} of {epochs}: {judged}", *own])


def _headlines(
    shown: Mapping[str, Sequence[str]], found: Mapping[str, Mapping[str, float]]
) -> Iterator[str]:
    for name, metrics in found.items():
        own = [metric for metric in shown.get(name, ()) if metric in metrics]
        said = [f"{metric.replace('_', ' ')} {rounded(metrics[metric])}" for metric in own]
        if said:
            yield f"{name}: {', '.join(said)}"


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


def metrics_table(
    metrics: Mapping[str, Any],
    labels: Mapping[str, int] = MappingProxyType({}),
    *,
    show_test: bool = False,
) -> str:
    """Each head's metrics on eval, beside its baselines; those on test where they are asked for.
    `labels` has how many a head has, if it has any. Whoever looks at test at each try chooses by
    it, and it is no test any more."""
    splits = [s for s in HELD_OUT if s in metrics]
    if not splits:
        return "no held-out rows, so nothing was measured"
    shown = _shown(splits, show_test=show_test)
    tables = [
        head_table(
            *(name, split, _told(of_head, labels.get(name))),
            metrics["baselines"].get(name, {}),
            metrics.get("intervals", {}).get(split, {}).get(name, {}),
        )
        for split in shown
        for name, of_head in metrics[split].items()
    ]
    if shown != splits:
        tables.append("test was measured too: metrics.json has it, and --show-test shows it")
    return "\n\n".join(tables)


def _told(metrics: Mapping[str, float], labels: int | None) -> dict[str, float]:
    return {name: metrics[name] for name in telling(metrics, labels)}


def _shown(splits: Iterable[str], *, show_test: bool) -> list[str]:
    return [split for split in splits if split == "eval" or show_test]


def below_baselines(
    metrics: Mapping[str, Any], kinds: Mapping[str, str]
) -> dict[str, dict[str, list[str]]]:
    """{held-out split: {head: the metrics in which a baseline is better, beyond noise}}; `kinds` of
    the heads."""
    found: dict[str, dict[str, list[str]]] = {s: {} for s in HELD_OUT if s in metrics}
    for split, heads in found.items():
        for name, own in metrics[split].items():
            others = [one.get(split, {}) for one in metrics["baselines"].get(name, {}).values()]
            between = metrics.get("intervals", {}).get(split, {}).get(name, {})
            if worse := below(kinds[name], own, others, between):
                heads[name] = worse
    return found


def below_lines(metrics: Mapping[str, Any], *, show_test: bool = False) -> str:
    """Of the splits that metrics_table shows.

    >>> found = {"label": ["accuracy@1", "mean_reciprocal_rank"]}
    >>> below_lines({"below_baseline": {"eval": found, "test": found}})
    'label is below a baseline in accuracy@1, mean reciprocal rank (eval)'
    """
    found = metrics["below_baseline"]
    return "\n".join(
        f"{head} is below a baseline in {', '.join(n.replace('_', ' ') for n in names)} ({split})"
        for split in _shown(found, show_test=show_test)
        for head, names in found[split].items()
    )


def parts_tables(
    metrics: Mapping[str, Any],
    kinds: Mapping[str, str],
    labels: Mapping[str, int] = MappingProxyType({}),
) -> str:
    """How good each head with memories is, and each of its parts alone, in the metrics that stand
    for a head of its kind. Empty without memories.

    >>> said = {"the network": 4.0, "all memories": 3.5, "together": 3.25}
    >>> found = {"parts": {name: {"log_loss": loss} for name, loss in said.items()}}
    >>> found["intervals"] = {"log_loss": [3.1, 3.5]}
    >>> print(parts_tables({"memory": {"word": found}}, {"word": "classification"}))
    word (half of eval)  log loss              95 %
    together               3.2500  3.1000 to 3.5000
    the network alone      4.0000                 -
    all memories alone     3.5000                 -
    """
    told = []
    for head, said in metrics.get("memory", {}).items():
        if found := parts.columns(said):
            kind = KINDS[kinds[head]]
            known = [m for m in kind.headlines() if m in found[0][1]]
            loss, others = kind.loss(), telling(known, labels.get(head))
            others.remove(loss)
            titles = [m.replace("_", " ") for m in others]
            header = [f"{head} (half of eval)", loss.replace("_", " "), percent(LEVEL, 0), *titles]
            ends = [own.get(loss) for own in parts.between(said)]
            rows = [
                [title, _cell(own[loss]), _between(end), *(_cell(own[m]) for m in others)]
                for (title, own), end in zip(found, ends, strict=True)
            ]
            told.append(table(header, rows))
    return "\n\n".join(told)


def head_table(
    name: str,
    split: str,
    model: Mapping[str, float],
    baselines: Mapping[str, Any],
    intervals: Mapping[str, Sequence[float]],
) -> str:
    strongest = baselines.get("strongest_input", {})
    columns = [baselines.get("constant", {}).get(split, {})]
    header = [f"{name} ({split})", "model", percent(LEVEL, 0), "constant"]
    if source := strongest.get("input"):
        columns.append(strongest.get(split, {}))
        header.append(f"given {source}")
    rows = [
        [
            *(metric.replace("_", " "), _cell(value), _between(intervals.get(metric))),
            *(_cell(column.get(metric)) for column in columns),
        ]
        for metric, value in model.items()
    ]
    return table(header, rows)


def _between(ends: Sequence[float] | None) -> str:
    return "-" if ends is None else f"{_cell(ends[0])} to {_cell(ends[1])}"


def _cell(value: float | None) -> str:
    return "-" if value is None else figure(value)
