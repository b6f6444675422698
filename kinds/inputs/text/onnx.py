"""A text in the exported file: split into words, which are put side by side and looked up.

StringSplit gives the words of each text from the left, "" behind the last one. The file moves them
to the right, so that what is not there comes first, as everywhere in a network of several values.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from kinds.inputs.ids.onnx import OPERATIONS as IDS
from kinds.inputs.ids.onnx import look_up
from kinds.nodes import Nodes
from kinds.tensors import within_input

if TYPE_CHECKING:
    from kinds.inputs.onnx import RawInput
    from kinds.inputs.text.spec import Text
    from kinds.words import Words

OPERATIONS = IDS | {
    *("StringSplit", "StringConcat", "Shape", "Expand", "Concat", "Slice"),
    *("Min", "Max", "Add", "Unsqueeze", "GatherElements", "GreaterOrEqual", "Where"),
}


def operations() -> frozenset[str]:
    return OPERATIONS


def add_nodes(nodes: Nodes, name: str, part: "Text", raw: "RawInput") -> None:
    step = _Steps(nodes, name)
    look_up(nodes, name, _values(step, part.words(), raw.column), raw.values)


class _Steps:
    """Nodes and constants under the names of an input."""

    def __init__(self, nodes: Nodes, name: str) -> None:
        self._nodes, self._name = nodes, name

    def __call__(self, op: str, inputs: list[str], to: str, **attributes: Any) -> str:
        return self._nodes.add(op, inputs, within_input(self._name, to), **attributes)

    def split(self, texts: str, **attributes: Any) -> list[str]:
        """The pieces [rows, most] and how many there are [rows]."""
        to = [within_input(self._name, part) for part in ("pieces", "piece_count")]
        return self._nodes.add_several("StringSplit", [texts], to, **attributes)

    def number(self, name: str, value: Any) -> str:
        return self._nodes.constant(within_input(self._name, name), value, np.int64)

    def text(self, name: str, value: str) -> str:
        return self._nodes.constant(within_input(self._name, name), [[value]], object)


def _values(step: _Steps, words: "Words", texts: str) -> str:
    """[rows] texts to [rows, length] values."""
    pieces, places = _split(step, words, texts)
    # Before the first word lies the "" that stands behind all pieces.
    there = step("Max", [places, step.number("behind", -1)], "places_there")
    placed = step("GatherElements", [pieces, there], "words", axis=1)
    return placed if words.ngram == 1 else _runs(step, words, placed, places)


def _split(step: _Steps, words: "Words", texts: str) -> tuple[str, str]:
    """The pieces [rows, most] with a "" behind them, and [rows, words] the places there of the
    words that count: below 0 where a text has less."""
    how: dict[str, Any] = {} if words.separator is None else {"delimiter": words.separator}
    if words.keep == "first":
        how["maxsplit"] = words.words  # one piece more has all the rest
    pieces, count = step.split(texts, **how)
    if words.keep == "first":
        count = step("Min", [count, step.number("word_count", words.words)], "kept_count")
    counts = step("Unsqueeze", [count, step.number("axis", [1])], "counts")
    from_end = step.number("from_end", [np.arange(-words.words, 0)])
    shape = step("Shape", [counts], "column")
    nothing = step("Expand", [step.text("empty", ""), shape], "empty_column")
    pieces = step("Concat", [pieces, nothing], "pieces_and_empty", axis=1)
    return pieces, step("Add", [counts, from_end], "places")


def _runs(step: _Steps, words: "Words", placed: str, places: str) -> str:
    """[rows, words] to [rows, length]: words side by side, "" where the first is not there."""
    axis, joiner = step.number("word_axis", [1]), step.text("joiner", words.joiner)
    starts = [step.number(f"start_{at}", [at]) for at in range(words.ngram)]
    ends = [step.number(f"end_{at}", [at + words.length]) for at in range(words.ngram)]
    run = step("Slice", [placed, starts[0], ends[0], axis], "run_1")
    for at in range(1, words.ngram):
        word = step("Slice", [placed, starts[at], ends[at], axis], f"word_{at + 1}")
        joined = step("StringConcat", [run, joiner], f"joined_{at + 1}")
        run = step("StringConcat", [joined, word], f"run_{at + 1}")
    first = step("Slice", [places, starts[0], ends[0], axis], "first_places")
    is_there = step("GreaterOrEqual", [first, step.number("zero", 0)], "is_there")
    return step("Where", [is_there, run, step.text("no_run", "")], "runs")
