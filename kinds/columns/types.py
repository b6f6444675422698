"""Types of columns: what the product knows of each, one module a type."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.answers import check
from kinds.columns.columns import Bad, Line
from kinds.tensors import Element

if TYPE_CHECKING:
    from kinds.columns import Field

Kind = Literal["text", "passage", "list", "number", "flag", "date", "vector"]


class ColumnType(Protocol):
    def arrow(self) -> pa.DataType:
        """The type of a typed column."""

    def wanted(self) -> str:
        """What its column must be readable as, for a person."""

    def is_list(self) -> bool:
        """Whether a cell holds any number of values."""

    def on_a_line(self) -> Line | None:
        """Where the values lie along a line, if they do; others are counted one by one."""

    def typed(self, column: pa.Array, field: "Field") -> tuple[pa.Array, list[Bad]]:
        """A raw column without extension types -> the typed one and what does not fit.

        A value that is missing is null, or NaN among numbers. Raises Unreadable.
        """

    def element(self) -> Element:
        """What the tensor of an exported file holds."""

    def fed(self, column: pa.Array, length: int) -> npt.NDArray[np.generic]:
        """A typed column -> [rows], or [rows, length] of a list, as an exported file takes it.

        Of a list the last `length` values count.
        """

    def is_split_in_file(self) -> bool:
        """Whether the file splits a cell, which makes each row of a batch as wide as the widest."""

    def raw(self, column: pa.Array) -> pa.Array:
        """A typed column -> lists of bytes, float32 or int64, as the transform graph takes it."""

    def hard_cells(self) -> Mapping[str, Sequence[Any]]:
        """Four typed cells by name: what an exported file is most likely to read otherwise. A list
        of one stands as often as a field's `width` says."""


def _type(kind: str) -> ColumnType:
    module = import_module(f"kinds.columns.{kind}s")
    check(module, ColumnType)
    return cast(ColumnType, module)


TYPES: dict[str, ColumnType] = {kind: _type(kind) for kind in get_args(Kind)}
