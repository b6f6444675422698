"""Names of tensors in an exported file, which the scorer looks for, and the versions of its format.

    "word"          a column, as the scorer feeds it      "top_k"         how many labels to give
    "/feature/age"  a feature, as the network takes it    "/output/next"  what the network gives
    "next.labels"   a result                              "/head/next/k"  a step in between
    "/memory/next/share", ".../labels", ".../masses"      what the memories of a head say

Whoever changes a name or what a tensor holds counts FORMAT up: the scorer refuses other files.
Standard library only.
"""

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


class Mixed(NamedTuple):
    """What the memories of a head say, as names of tensors: share float32 [rows, 1] of the network,
    labels int64 [rows, m] and masses float32 [rows, m]. A label is there once; what stands for none
    is below 0 and has no mass."""

    share: str
    labels: str
    masses: str


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


def within_input(name: str, step: str) -> str:
    """A step from the raw column of an input to its features."""
    return f"/input/{name}/{step}"


def within_head(name: str, step: str) -> str:
    """A step from the network's output for a head to its results."""
    return f"/head/{name}/{step}"


def within_memory(head: str, step: str) -> str:
    """A step from features to what the memories of a head say."""
    return f"{MEMORY}{head}/{step}"


def mixed(head: str) -> Mixed:
    return Mixed(*(within_memory(head, name) for name in Mixed._fields))
