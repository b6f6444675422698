"""What looks wrong in prepared data though every row is good: warnings, never failures.

Each has a name, the input or head, and a sentence. They are in the statistics and in the log.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kinds.prepare import Anomaly, Findings
from pipeline import spec as specs
from pipeline.fields import kinds_of
from pipeline.folders.prepared import Statistics

LEAK_SHARE = 0.001
SECTIONS = ("inputs", "heads", "numbers")
_LEAKS = {
    "examples": (
        "EXAMPLES_IN_TRAIN",
        "are the same to the model as a training row, targets too",
    ),
    "keys": ("KEYS_IN_TRAIN", "have the key of a training row"),
}


def anomalies(
    spec: specs.Spec, statistics: Statistics, counts: Mapping[str, Sequence[int]]
) -> list[dict[str, str]]:
    """`counts` are those of each vocabulary's entries."""
    found: list[dict[str, str]] = []
    for name, (kind, part) in kinds_of(spec).items():
        findings = _findings(spec, statistics, counts, name)
        if name in spec.heads:
            found += _named(name, _of_targets(spec, findings, name))
        if name in spec.inputs or _has_targets(findings):
            found += _named(name, kind.anomalies(part, findings))
    for side in ("eval", "test"):
        found += _named(side, _of_side(statistics.leaks, side))
    return found


def _named(name: str, found: Iterable[Anomaly]) -> list[dict[str, str]]:
    return [{"anomaly": kind, "of": name, "said": text} for kind, text in found]


def _findings(
    spec: specs.Spec, statistics: Statistics, counts: Mapping[str, Sequence[int]], name: str
) -> Findings:
    sections = {section: getattr(statistics, section) for section in SECTIONS}
    own = {section: said[name] for section, said in sections.items() if name in said}
    percentiles = statistics.distributions[name].get("percentiles", [])
    is_constant = name in statistics.constant or len({*percentiles}) == 1
    used = spec.vocabulary_of()
    if name not in used:
        return Findings(own, is_constant)
    distinct = statistics.vocabularies[used[name]]["distinct"]
    is_alone = [*used.values()].count(used[name]) == 1
    return Findings(own, is_constant, distinct, tuple(counts[used[name]]), is_alone)


def _of_targets(spec: specs.Spec, found: Findings, name: str) -> Iterator[Anomaly]:
    if spec.head_column(name) in spec.keys:
        yield "LABEL_IS_KEY", "the target is carried through scoring as a key"
    if not _has_targets(found):
        yield "ALL_MISSING", "no training row has a target"


def _has_targets(found: Findings) -> bool:
    return bool(found.said["heads"]["train"]["targets"])


def _of_side(leaks: Mapping[str, Any], side: str) -> Iterator[tuple[str, str]]:
    for what, (kind, text) in _LEAKS.items():
        leak = leaks[what].get(side)
        if leak and leak["in_train"] >= LEAK_SHARE * leak["compared"] > 0:
            share = f"{leak['in_train']:,} of {leak['compared']:,} rows"
            pairs = [(_place(one["row"]), _place(one["train"])) for one in leak["shown"][:1]]
            first = "".join(f": {here} and {there}" for here, there in pairs)
            yield kind, f"{share} {text}{first}"


def _place(row: dict[str, Any]) -> str:
    return f"row {row['row']} of {row['file']}"
