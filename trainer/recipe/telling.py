"""How trials are reported: on the terminal, and in the run's folder."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.spec import Spec

# What is chosen, by its block of the spec.
CHOSEN = {
    "training": (
        *("epochs", "steps", "batch_size", "learning_rate", "weight_decay", "sampled"),
        "precision",
    ),
    "trunk": ("layers", "members", "dropout"),
}
_EMBEDDING, _EACH_SHOWN = ".embedding", 10


@dataclass(frozen=True)
class Trial:
    """A run that ended: its change of the best before it, its spec, the lowest held-out loss (or
    how far the metric falls short that epochs are judged by), the share of its epochs after which
    that was, and the seconds it took. The loss is infinite where it did not come to its own end.
    How much lower or higher than the first trial's it is by `chance` is a standard error."""

    name: str
    spec: Spec
    loss: float
    best_after: float
    seconds: float
    chance: float = 0.0

    @property
    def at_worst(self) -> float:
        """What trials are compared by: of many that differ by chance the lowest is no better."""
        return self.loss + self.chance


def trial_line(ended: Sequence[Trial]) -> str:
    """Of the last trial.

    >>> spec = None
    >>> before = Trial("the rules", spec, 0.5, 1.0, 2.0)
    >>> trial_line([before, Trial("more decay", spec, 0.4, 1.0, 3.0)])
    'trial 2, more decay: held-out loss 0.4, the lowest so far; 3.0 s'
    >>> trial_line([before, Trial("more decay", spec, 0.4, 1.0, 3.0, chance=0.2)])
    'trial 2, more decay: held-out loss 0.4 (± 0.2), which may be chance; 3.0 s'
    """
    *before, last = ended
    what = _judged_by(last)
    loss = f"held-out {what} {abs(last.loss):.4g}"
    if not math.isfinite(last.loss):
        loss = f"no held-out {what}" if last.best_after else "did not come to its end"
    loss += f" (± {last.chance:.2g})" * (math.isfinite(last.loss) and last.chance > 0)
    is_lowest = math.isfinite(last.loss) and all(last.loss < trial.loss for trial in before)
    is_best = math.isfinite(last.loss) and all(last.at_worst < trial.at_worst for trial in before)
    lowest = "the lowest so far" if what == "loss" and is_lowest else "the best so far"
    said = lowest if is_best else "which may be chance" if is_lowest else ""
    comma = f", {said}" * (bool(said) and bool(before))
    return f"trial {len(ended)}, {last.name}: {loss}{comma}; {last.seconds:.1f} s"


def _judged_by(trial: Trial) -> str:
    selected = trial.spec.selected() if trial.spec else None
    return " of ".join(reversed(selected)) if selected else "loss"


def told(trial: Trial, said: Spec) -> dict[str, Any]:
    """Of a trial, for the run's folder."""
    loss = trial.loss if math.isfinite(trial.loss) else None
    seconds = round(trial.seconds, 3)
    settings = choices(said, trial.spec)
    judged = {"eval_loss": loss}
    if trial.chance:
        judged["standard_error"] = trial.chance
    if (what := _judged_by(trial)) != "loss":
        judged = {what: loss if loss is None else abs(loss)}
    return {"change": trial.name, **judged, "seconds": seconds, "settings": settings}


def chosen_line(said: Spec, spec: Spec) -> str:
    """What was chosen; of many inputs only how many have which width."""
    chosen = choices(said, spec)
    widths = {place: chosen[place] for place in chosen if place.endswith(_EMBEDDING)}
    # One network in the trunk is nothing that was chosen.
    told = {p: v for p, v in chosen.items() if p not in widths and (p, v) != ("trunk.members", 1)}
    shown = [f"{place}: {_short(value)}" for place, value in told.items()]
    if len(widths) <= _EACH_SHOWN:
        shown += [f"{place}: {width}" for place, width in widths.items()]
    else:
        counted = sorted(Counter(widths.values()).items())
        shown += [f"embeddings: {', '.join(f'{n} of {width}' for width, n in counted)}"]
    return ", ".join(shown)


def _short(value: Any) -> str:
    match value:
        case [*layers] | (*layers,):
            return "[" + ", ".join(str(layer["units"]) for layer in layers) + "]"
        case float():
            return f"{value:.3g}"
    return str(value)


def choices(said: Spec, spec: Spec) -> dict[str, Any]:
    """{place: value} of what `said` leaves open and a rule or a trial has set."""
    found: dict[str, Any] = {}
    for block, names in CHOSEN.items():
        part = getattr(said, block)
        values = getattr(spec, block).model_dump(mode="json")
        open_ones = [name for name in names if name not in part.model_fields_set]
        found |= {f"{block}.{name}": values[name] for name in open_ones if values[name] is not None}
    for name, lookup in spec.lookups().items():
        if "embedding" not in said.inputs[name].model_fields_set:
            found[f"inputs.{name}{_EMBEDDING}"] = lookup.width
    return found
