"""Distances of rows from those that a model was trained on, and the warnings about them.

Measures and names are TensorFlow Data Validation's (pipeline.distributions). Its thresholds have no
defaults; its guide's are 0.01, and so are ours. Chance alone makes distances of that size among
few rows: some thousand are wanted. Standard library, numpy and pyarrow only.
"""

import argparse
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.distributions import Distribution, edges, jensen_shannon, l_infinity, masses
from pipeline.failures import Exit, Failure

THRESHOLD = 0.01
L_INFINITY, JENSEN_SHANNON = "infinity_norm", "jensen_shannon_divergence"
MEASURES = (L_INFINITY, JENSEN_SHANNON)
_ANOMALIES = {
    L_INFINITY: "COMPARATOR_L_INFTY_HIGH",
    JENSEN_SHANNON: "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
}


@dataclass(frozen=True)
class Distance:
    """Between the distributions of one input or head; `value` has the greatest difference of a
    category's values, None where that is a missing one."""

    of: str
    measure: str
    distance: float
    value: str | None = None

    def anomaly(self, threshold: float) -> dict[str, str]:
        """The warning that it is above its threshold, as statistics.json has them."""
        what = "Linfty distance" if self.measure == L_INFINITY else "Jensen-Shannon divergence"
        said = f"the {what} is {self.distance:.4f}, above the threshold {threshold:g}"
        if self.measure == L_INFINITY:
            value = "a missing one" if self.value is None else json.dumps(self.value)
            said += f"; the value with the greatest difference is {value}"
        return {"anomaly": _ANOMALIES[self.measure], "of": self.of, "said": said}


def known_distance(memory: str, share: float, expected: float) -> Distance:
    """Of the rows whose value a memory knows from those of which that was to be expected."""
    return Distance(f"memory.{memory}", L_INFINITY, abs(share - expected), "known")


@dataclass(frozen=True)
class Drift:
    """The distances of some rows, and the threshold of each measure. Inputs that are `later` say
    when a row was: new rows are far from the training rows there, and should be."""

    rows: int
    distances: Sequence[Distance]
    limits: Mapping[str, float]
    later: Collection[str] = ()

    @property
    def warnings(self) -> list[dict[str, str]]:
        found = [one for one in self.distances if one.of not in self.later]
        high = [one for one in found if one.distance > self.limits[one.measure]]
        return [one.anomaly(self.limits[one.measure]) for one in high]

    def content(self) -> dict[str, Any]:
        """The content of a file about it."""
        distances = [asdict(one) for one in self.distances]
        return {"rows": self.rows, "distances": distances, "warnings": self.warnings}

    def lines(self) -> Iterator[str]:
        """For people: the greatest first."""
        width = max([len(one.of) for one in self.distances], default=0)
        warned = {one["of"]: "   warning: " + one["said"] for one in self.warnings}
        warned |= dict.fromkeys(self.later, "   new rows are later, as the split has them")
        yield f"{self.rows:,} rows against the training rows"
        for one in sorted(self.distances, key=lambda one: -one.distance):
            said = warned.get(one.of, "")
            yield f"{one.of:<{width}}  {one.measure:<25}  {one.distance:.4f}{said}"

    def fail(self) -> None:
        """Raises Failure 4 where there are warnings."""
        if self.warnings:
            rule = "the rows must be spread as the training rows were (--fail-on-drift)"
            raise Failure(Exit.BAD_ROWS, rule, received=", ".join(w["of"] for w in self.warnings))


def between(old: Mapping[str, Distribution], new: Mapping[str, Distribution]) -> Iterator[Distance]:
    """The distances of what both have, as the same kind."""
    for name in (name for name in new if name in old):
        one, other = old[name], new[name]
        if "top" in one and "top" in other:
            yield Distance(name, L_INFINITY, *l_infinity(one, other))
        elif "top" not in one and "top" not in other:
            borders = edges(one)
            divergence = jensen_shannon(masses(one, borders), masses(other, borders))
            yield Distance(name, JENSEN_SHANNON, divergence)


def add_thresholds(parser: argparse._ActionsContainer) -> None:
    """The options that `limits` reads."""
    told = {"--infinity-norm": "the share of a value", "--jensen-shannon": "a number"}
    for name, what in told.items():
        said = f"how far {what} may drift ({THRESHOLD})"
        parser.add_argument(name, type=float, default=THRESHOLD, metavar="D", help=said)


def limits(options: argparse.Namespace) -> dict[str, float]:
    """The threshold of each measure."""
    return {L_INFINITY: options.infinity_norm, JENSEN_SHANNON: options.jensen_shannon}
