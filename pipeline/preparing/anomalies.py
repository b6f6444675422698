"""What looks wrong in prepared data though every row is good: warnings, never failures.

Each has a name, the input or head, and a sentence. They are in the statistics and in the log.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kinds.charts import percent
from kinds.prepare import Anomaly, Findings
from pipeline import spec as specs
from pipeline.fields import kinds_of
from pipeline.folders.prepared import Statistics
from pipeline.preparing.split_sides import asked_for

LEAK_SHARE = 0.001
# Keys that most training rows share with another one do not stand for a row.
REPEATED_SHARE = 0.5
# So many rows without a target are worth a word: they teach a head nothing.
MISSING_SHARE = 0.5
# A memory that knows less of the rows is of little use.
KNOWN_SHARE = 0.1
_NAMED = 6
SECTIONS = ("inputs", "heads", "numbers")


def anomalies(
    spec: specs.Spec, statistics: Statistics, counts: Mapping[str, Sequence[int]]
) -> list[dict[str, str]]:
    """`counts` has, for each input and head with a vocabulary, how often its entries were counted:
    for a head, as its labels."""
    found: list[dict[str, str]] = []
    for name, (kind, part) in kinds_of(spec).items():
        findings = _findings(spec, statistics, counts, name)
        if name in spec.heads:
            found += _named(name, _of_targets(spec, findings, name))
        if name in spec.inputs or _has_targets(findings):
            found += _named(name, kind.anomalies(part, findings))
    for name, heads in statistics.memory.items():
        for head, said in heads.items():
            found += _named(name, _of_memory(head, said))
    for side in ("eval", "test"):
        found += _named(side, _of_side(spec, statistics.leaks, side))
    for side in asked_for(spec.split):
        if not statistics.rows[side]:
            text = f"split.{side} asks for rows, and none of {statistics.rows['read']:,} came to it"
            found += _named(side, [("EMPTY_SIDE", text)])
    return found


def _named(name: str, found: Iterable[Anomaly]) -> list[dict[str, str]]:
    return [warning(name, anomaly) for anomaly in found]


def warning(of: str, anomaly: Anomaly) -> dict[str, str]:
    kind, text = anomaly
    return {"anomaly": kind, "of": of, "said": text}


def _findings(
    spec: specs.Spec, statistics: Statistics, counts: Mapping[str, Sequence[int]], name: str
) -> Findings:
    sections = {section: getattr(statistics, section) for section in SECTIONS}
    own = {section: said[name] for section, said in sections.items() if name in said}
    spread = statistics.distributions.get(name, {"top": [], "unlisted": 0})
    percentiles = spread.get("percentiles", [])
    is_constant = name in statistics.constant or len({*percentiles}) == 1
    used = spec.vocabulary_of()
    if name not in used:
        return Findings(own, is_constant)
    is_alone = [*used.values()].count(used[name]) == 1
    listed = len(spread["top"]) + bool(spread["unlisted"])
    distinct = statistics.vocabularies[used[name]]["distinct"] if is_alone else listed
    return Findings(own, is_constant, distinct, tuple(counts[name]), is_alone)


def _of_memory(head: str, said: Mapping[str, Any]) -> Iterator[Anomaly]:
    if not said["values"]:
        yield (
            "EMPTY_MEMORY",
            f"it holds nothing of {head}: no value is in `min_count` training rows",
        )
        return
    for side, share in said["known"].items():
        if share < KNOWN_SHARE:
            whose = "that other rows have, too" if side == "train" else "that the memory knows"
            yield "RARELY_KNOWN", f"only {share:.1%} of the rows of {side} have a value {whose}"
            return


def _of_targets(spec: specs.Spec, found: Findings, name: str) -> Iterator[Anomaly]:
    if spec.head_column(name) in spec.keys:
        yield "LABEL_IS_KEY", "the target is carried through scoring as a key"
    if not _has_targets(found):
        yield "ALL_MISSING", "no training row has a target"
    elif (missing := found.said["heads"]["train"]["missing"]) >= MISSING_SHARE:
        share = percent(missing)
        yield "TARGETS_MISSING", f"{share} of the training rows have no target and teach nothing"


def _has_targets(found: Findings) -> bool:
    return bool(found.said["heads"]["train"]["targets"])


def _of_side(spec: specs.Spec, leaks: Mapping[str, Any], side: str) -> Iterator[tuple[str, str]]:
    inputs, heads = (_listed(names) for names in (spec.inputs, spec.heads))
    same = f"are the same to the model as a training row in all it has ({inputs}; {heads})"
    alike = {
        "examples": ("EXAMPLES_IN_TRAIN", same),
        "keys": ("KEYS_IN_TRAIN", f"have the key ({_listed(spec.keys)}) of a training row"),
    }
    for what, (kind, text) in alike.items():
        leak = leaks[what].get(side)
        if what == "keys" and leak and leak["repeated_in_train"] >= REPEATED_SHARE:
            continue
        if leak and leak["in_train"] >= LEAK_SHARE * leak["compared"] > 0:
            share = f"{leak['in_train']:,} of {leak['compared']:,} rows"
            pairs = [(_place(one["row"]), _place(one["train"])) for one in leak["shown"][:1]]
            first = "".join(f": {here} and {there}" for here, there in pairs)
            yield kind, f"{share} {text}{first}"


def _listed(names: Iterable[str]) -> str:
    all_names = list(names)
    more = f" and {len(all_names) - _NAMED:,} more" if len(all_names) > _NAMED else ""
    return ", ".join(all_names[:_NAMED]) + more


def _place(row: dict[str, Any]) -> str:
    return f"row {row['row']} of {row['file']}"
