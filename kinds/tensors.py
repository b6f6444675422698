"""Names of tensors in an exported file, which the scorer looks for, and the versions of its format.

    "word"          a column, as the scorer feeds it      "top_k"         how many labels to give
    "/feature/age"  a feature, as the network takes it    "/output/next"  what the network gives
    "next.labels"   a result                              "/head/next/k"  a step in between
    "next.exclude"  labels that must not come back        "next.only"     labels that alone may
    "/memory/next/share", ".../labels", ".../masses"      what the memories of a head say, and
    "/memory/next/by_maker/labels", ".../masses"          one of them

Whoever changes a name or what a tensor holds counts FORMAT up: the scorer refuses other files.
Standard library only.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

FORMAT = 2
# What every file is stamped with, smaller ones of serving.exporting.profiles aside, and what a file
# with newer operations is stamped with at most.
IR_VERSION, OPSET, ML_OPSET = 10, 18, 3
NEWEST_OPSET = 20
# The format's own limit: a protobuf message ends here.
MOST_BYTES = 2**31 - 1
TOP_K = "top_k"
INNER = "/"
"""What the names of all tensors begin with that are neither a column nor a result."""

MEMORY = "/memory/"
"""What the names of tensors begin with that memories are made of."""

Element = Literal["float", "uint8", "int32", "int64", "string"]
Tensor = tuple[str, Element]


class Listed(NamedTuple):
    """Labels and the mass of each, float32, both [rows, m], as names of tensors. What stands for
    no label is below 0 and has no mass."""

    labels: str
    masses: str


class Mixed(NamedTuple):
    """What the memories of a head say: the probability of a label is the `share`, float32
    [rows, 1], times that of the network, and its masses in `all`, where labels are int64.

    `each` has the same of one memory: a label is there once, as int32, and its mass is divided by
    the share.
    """

    share: str
    all: Listed
    each: tuple[Listed, ...]


def feature(name: str) -> str:
    """An input of the network: ids or numbers."""
    return f"/feature/{name}"


def output(head: str) -> str:
    """What the network gives for a head: logits of all labels, or its numbers."""
    return f"/output/{head}"


def ids(of_input: str) -> str:
    """The ids that an input's texts are looked up to."""
    return within_input(of_input, "id")


def labels(head: str) -> str:
    """The constant with a head's labels by id; "" after them stands for all others."""
    return within_head(head, "labels")


def label_count(head: str) -> str:
    """int64 [1]: how many labels the head gives, `top_k` or all that there are."""
    return within_head(head, "k")


def exclude(head: str) -> str:
    """Labels that must not come back, string [1, n] for all rows or [rows, n]; "" is none."""
    return f"{head}.exclude"


def only(head: str) -> str:
    """Labels that alone may come back, as `exclude` has them; without a column all may."""
    return f"{head}.only"


def ids_of(labels: str, head: str) -> str:
    """int64: the ids of the labels in `exclude` or `only`; unknown ones have the number of all."""
    return within_head(head, f"{labels.removeprefix(head)[1:]}/ids")


def ceiling(head: str) -> str:
    """float32 [1, n+1] or [rows, n+1]: infinite for a label that may come back, minus infinity for
    one that must not, and for the class of all others."""
    return within_head(head, "ceiling")


def of_all(head: str, step: str) -> str:
    """What a step in `unrestricted` is where every label may come back."""
    return within_head(head, f"of_all/{step}")


def unrestricted(head: str) -> dict[str, str]:
    """The steps that depend on which labels may come back, and what stands for each of them, with
    the same numbers and in less time, where all may."""
    steps = "left", "ids", "top/at", "is_candidate"
    inner = {within_head(head, step): of_all(head, step) for step in steps}
    return inner | {f"{head}.scores": of_all(head, "scores")}


def within_input(name: str, step: str) -> str:
    """A step from the raw column of an input to its features."""
    return f"/input/{name}/{step}"


def within_head(name: str, step: str) -> str:
    """A step from the network's output for a head to its results."""
    return f"/head/{name}/{step}"


def within_memory(head: str, step: str) -> str:
    """A step from features to what the memories of a head say."""
    return f"{MEMORY}{head}/{step}"


def place_in_memory(head: str, memory: str) -> str:
    """int64 [rows]: the place of each row's value in a memory; their number, if it is none."""
    return within_memory(f"{head}/{memory}", "value/place")


def mixed(head: str, memories: Iterable[str]) -> Mixed:
    def listed(at: str) -> Listed:
        return Listed(*(within_memory(at, name) for name in Listed._fields))

    each = tuple(listed(f"{head}/{memory}") for memory in memories)
    return Mixed(within_memory(head, "share"), listed(head), each)
