"""Distinct values of a column, and how often each occurs."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.lists import list_lengths


@dataclass(frozen=True, eq=False)
class Counted:
    """The distinct values of all rows that were read and how often each occurs; of lists, their
    elements. `rows` and how many of them have a value. Where there are more distinct values than
    there is room for, `lost` is above 0 and the rarest ones are not here."""

    values: pa.Array
    counts: np.ndarray
    rows: int
    present: int
    lost: int = 0

    @classmethod
    def of(cls, values: pa.Array) -> "Counted":
        """Of these rows alone, texts or lists of texts."""
        there = present(values)
        found, filled = there.value_counts(), len(there)
        if pa.types.is_list(values.type):
            filled = int(pc.sum(pc.greater(pc.list_value_length(values), 0)).as_py())
        return cls(found.field("values"), found.field("counts").to_numpy(), len(values), filled)

    def cut(self, separator: str) -> "Counted":
        """The values between the separators of the texts."""
        parts = pc.split_pattern(self.values, separator)
        counts = np.repeat(self.counts, list_lengths(parts))
        table = pa.table({"value": parts.flatten(), "count": counts})
        found = table.group_by("value").aggregate([("count", "sum")]).combine_chunks()
        values = found["value"].chunk(0) if found.num_rows else pa.array([], pa.string())
        counts = found["count_sum"].to_numpy()
        return Counted(values, counts, self.rows, self.present, self.lost)

    @property
    def distinct(self) -> int:
        return len(self.values)

    @cached_property
    def once(self) -> int:
        """How many values occur once: about as many as rows that bring a new value."""
        return int((self.counts == 1).sum()) + self.lost

    @cached_property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def new(self) -> float:
        """The share of values that would be new, were there one more (Good and Turing)."""
        return self.once / max(1, self.total)


def present(values: pa.Array) -> pa.Array:
    """The texts that are there, or the elements of all lists."""
    if pa.types.is_list(values.type):
        return values.flatten().drop_null()
    there = values.drop_null()
    return there.filter(pc.not_equal(there, ""))
