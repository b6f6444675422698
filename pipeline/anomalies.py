"""What looks wrong in prepared data though every row is good: warnings, never failures.

Each has a name, the input or head, and a sentence. They are in statistics.json and in the log.
"""

from collections.abc import Iterator
from typing import Any

from kinds.heads.binary.spec import Binary
from kinds.heads.classification.spec import Classification
from kinds.heads.regression.spec import Regression
from kinds.inputs.category.spec import Category
from kinds.inputs.number.spec import Number
from pipeline import spec as specs

ID_SHARE, UNSEEN_SHARE, LEAK_SHARE = 0.9, 0.5, 0.001
_LEAKS = {
    "examples": (
        "EXAMPLES_IN_TRAIN",
        "are the same to the model as a training row, targets too",
    ),
    "keys": ("KEYS_IN_TRAIN", "have the key of a training row"),
}


def anomalies(
    spec: specs.Spec, said: dict[str, Any], counts: dict[str, list[int]]
) -> list[dict[str, str]]:
    """`said` is the content of statistics.json, `counts` those of each vocabulary's entries."""
    found: list[dict[str, str]] = []
    for name in spec.inputs:
        found += _named(name, _of_input(spec, said, name))
    for name in spec.heads:
        found += _named(name, _of_head(spec, said, counts, name))
    for side in ("eval", "test"):
        found += _named(side, _of_side(said["leaks"], side))
    return found


def _named(name: str, found: Iterator[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"anomaly": kind, "of": name, "said": text} for kind, text in found]


def _of_input(spec: specs.Spec, said: dict[str, Any], name: str) -> Iterator[tuple[str, str]]:
    if isinstance(part := spec.inputs[name], Number):
        if said["numbers"].get(name, {}).get("missing") == 1:
            yield "ALL_MISSING", "no training row has a number here"
        elif name in said["constant"]:
            yield "CONSTANT", "all training rows have the same number here"
        return
    train, eval_ = said["inputs"][name]["train"], said["inputs"][name]["eval"]
    entries = said["vocabularies"][part.vocabulary]
    if train["missing"] == 1:
        yield "ALL_MISSING", "no training row has a value here"
    elif entries["distinct"] == 1:
        yield "CONSTANT", "all training rows that have a value here have the same"
    elif isinstance(part, Category) and _is_alone(spec, part.vocabulary):
        there = train["values"] * (1 - train["missing"])
        if there > 1 and entries["distinct"] >= ID_SHARE * there:
            yield "ID", "nearly every training row has a value of its own: nothing can be learned"
    if eval_["values"] and eval_["out_of_vocabulary"] >= UNSEEN_SHARE:
        share = f"{eval_['out_of_vocabulary']:.0%}"
        yield "UNSEEN_IN_EVAL", f"{share} of the values in eval are in no training row"


def _of_head(
    spec: specs.Spec, said: dict[str, Any], counts: dict[str, list[int]], name: str
) -> Iterator[tuple[str, str]]:
    head, train = spec.heads[name], said["heads"][name]["train"]
    if spec.head_column(name) in spec.keys:
        yield "LABEL_IS_KEY", "the target is carried through scoring as a key"
    if not train["targets"]:
        yield "ALL_MISSING", "no training row has a target"
    elif isinstance(head, Binary):
        if train["positive"] in (0, 1):
            yield "ONE_CLASS", "all training rows have the same target"
    elif isinstance(head, Regression):
        if name in said["constant"]:
            yield "CONSTANT", "all training rows have the same target"
    elif isinstance(head, Classification) and _is_alone(spec, head.vocabulary):
        yield from _of_labels([count for count in counts[head.vocabulary] if count])


def _of_side(leaks: dict[str, Any], side: str) -> Iterator[tuple[str, str]]:
    for what, (kind, text) in _LEAKS.items():
        leak = leaks[what].get(side)
        if leak and leak["in_train"] >= LEAK_SHARE * leak["compared"] > 0:
            share = f"{leak['in_train']:,} of {leak['compared']:,} rows"
            pairs = [(_place(one["row"]), _place(one["train"])) for one in leak["shown"][:1]]
            first = "".join(f": {here} and {there}" for here, there in pairs)
            yield kind, f"{share} {text}{first}"


def _place(row: dict[str, Any]) -> str:
    return f"row {row['row']} of {row['file']}"


def _of_labels(counts: list[int]) -> Iterator[tuple[str, str]]:
    if len(counts) == 1:
        yield "ONE_CLASS", "all training rows have the same label"
    if rare := counts.count(1):
        yield "RARE_CLASS", f"{rare:,} of {len(counts):,} labels are in one training row only"


def _is_alone(spec: specs.Spec, vocabulary: str) -> bool:
    """Whether one input or head only uses the vocabulary, so that its counts are that one's."""
    parts: list[Any] = [*spec.embedded_inputs().values(), *spec.label_heads().values()]
    return sum(part.vocabulary == vocabulary for part in parts) == 1
