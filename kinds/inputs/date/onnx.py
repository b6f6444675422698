"""A date in the exported file: int64 seconds since 1970 to parts of the calendar.

What is before the year 1 or after 9999 is missing; kinds.datetimes.MISSING is what the scorer
gives. Seconds are counted from the year 1 on, so that nothing that is divided is negative: ONNX
rounds a quotient towards 0.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from kinds.datetimes import DAYS_BEFORE, HIGHEST, LOWEST, calendar
from kinds.inputs.date.spec import FIRST_YEAR, SIZES, feature_of
from kinds.inputs.number import onnx as numbers
from kinds.nodes import Nodes
from kinds.tensors import feature, within_input

if TYPE_CHECKING:
    from kinds.inputs.date.spec import Date, Piece
    from kinds.inputs.onnx import RawInput


@dataclass(frozen=True)
class Whole:
    """int64 [rows] in a graph of whole numbers from 0 up: to reckon with it adds nodes."""

    nodes: Nodes
    name: str
    tensor: str

    def __add__(self, other: "Whole | int") -> "Whole":
        return self._with("Add", other)

    def __sub__(self, other: "Whole | int") -> "Whole":
        return self._with("Sub", other)

    def __mul__(self, other: "Whole | int") -> "Whole":
        return self._with("Mul", other)

    def __floordiv__(self, other: "Whole | int") -> "Whole":
        return self._with("Div", other)

    def __mod__(self, other: "Whole | int") -> "Whole":
        return self - self // other * other

    def _with(self, operation: str, other: "Whole | int") -> "Whole":
        step = within_input(self.name, f"calendar/{len(self.nodes.nodes)}")
        second = other.tensor if isinstance(other, Whole) else self._constant(f"{step}/by", other)
        return Whole(self.nodes, self.name, self.nodes.add(operation, [self.tensor, second], step))

    def _constant(self, name: str, number: int) -> str:
        return self.nodes.constant(name, number, np.int64)


def operations() -> frozenset[str]:
    own = {"Add", "Cast", "Clip", "Div", "Greater", "Less", "Mul", "Or", "Sub", "Where"}
    return numbers.operations() | own


def add_nodes(nodes: Nodes, name: str, part: "Date", raw: "RawInput") -> None:
    missing = _missing(nodes, name, raw.column)
    lowest = nodes.constant(within_input(name, "nothing"), LOWEST, np.int64)
    known = nodes.add("Where", [missing, lowest, raw.column], within_input(name, "known"))
    found = calendar(Whole(nodes, name, known) - LOWEST)
    for piece in part.calendar():
        _ids(nodes, name, piece, found[piece], missing)
    if "days" in part.ways:
        number = _number(nodes, name, found["days"] - DAYS_BEFORE, missing)
        of_days = replace(raw, column=number)
        numbers.add_nodes(nodes, feature_of(name, "days"), part.days(), of_days)


def _missing(nodes: Nodes, name: str, column: str) -> str:
    outside = []
    for operation, end, limit in (("Less", "lowest", LOWEST), ("Greater", "highest", HIGHEST)):
        limit_name = nodes.constant(within_input(name, end), limit, np.int64)
        beyond = within_input(name, f"beyond_{end}")
        outside.append(nodes.add(operation, [column, limit_name], beyond))
    return nodes.add("Or", outside, within_input(name, "is_missing"))


def _ids(nodes: Nodes, name: str, piece: "Piece", found: Whole, missing: str) -> None:
    """int32 ids, the last one where the date is missing."""
    ids, place = found.tensor, within_input(name, piece)
    if piece == "year":
        since = (found - (FIRST_YEAR - 1)).tensor
        ends = (("first", 0), ("last", SIZES["year"] - 1))
        limits = [nodes.constant(f"{place}/{end}", limit, np.int64) for end, limit in ends]
        ids = nodes.add("Clip", [since, *limits], f"{place}/there")
    last = nodes.constant(f"{place}/missing", SIZES[piece], np.int64)
    whole = nodes.add("Where", [missing, last, ids], f"{place}/id")
    nodes.add("Cast", [whole], feature(feature_of(name, piece)), to=TensorProto.INT32)


def _number(nodes: Nodes, name: str, days: Whole, missing: str) -> str:
    """float32 days since 1970, NaN where the date is missing."""
    place = within_input(name, "days")
    number = nodes.add("Cast", [days.tensor], f"{place}/number", to=TensorProto.FLOAT)
    nan = nodes.constant(f"{place}/none", math.nan, np.float32)
    return nodes.add("Where", [missing, nan, number], f"{place}/known")
