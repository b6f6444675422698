"""What a column of rows looks like: a role in a first spec, and the reason for it."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field, cast

FEW = 20
LONGEST = 50
_FLAGS = {frozenset(pair) for pair in (("0", "1"), ("0.0", "1.0"), ("f", "t"), ("n", "y"))} | {
    frozenset(pair) for pair in (("false", "true"), ("no", "yes"))
}
_TIME = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}|$)"
_DATE = r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"
_TIMES = "times; give numbers such as the hour or the weekday if they say something"


@dataclass(frozen=True)
class Column:
    """What is in a column, and what it looks like: a role and the reason for it.

    `name` is what the spec calls it, `column` what the rows do.
    """

    name: str
    column: str
    missing: float
    distinct: int
    role: str
    reason: str
    length: int = 0


def column_of(name: str, values: pa.Array) -> Column:
    """The column of some texts, or lists of texts. It has no `name` yet."""
    if pa.types.is_null(values.type):
        return Column("", name, 1.0, 0, "", "neither plain values nor flat lists")
    if not 0 < len(name) <= 256:
        return Column("", name[:256], 1.0, 0, "", "a name that no spec can say")
    if pa.types.is_list(values.type):
        return _sequence(name, values, "lists")
    present = values.drop_null()
    present = present.filter(pc.not_equal(present, ""))
    share, distinct = 1 - len(present) / len(values), pc.count_distinct(present).as_py()
    role, reason = _role(name, present, distinct, share)
    if role == "sequence":
        return _sequence(name, pc.split_pattern(values, " "), reason)
    return Column("", name, share, distinct, role, reason)


def _sequence(name: str, lists: pa.Array, reason: str) -> Column:
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    values, length = lists.flatten(), int(np.quantile(lengths, 0.95))
    if not len(values):
        return Column("", name, 1.0, 0, "", "no value at all")
    distinct = pc.count_distinct(values.drop_null()).as_py()
    length = min(LONGEST, max(1, length))
    why = f"{reason}; 95 % have at most {length} elements" if length < LONGEST else reason
    return Column("", name, float((lengths == 0).mean()), distinct, "sequence", why, length)


def _role(name: str, present: pa.Array, distinct: int, missing: float) -> tuple[str, str]:
    """What a column of texts that are there looks like, and why."""
    if distinct == 1 and missing:
        return "category", "one value or none"
    if distinct < 2:
        return "", "no value at all" if distinct == 0 else "one value only"
    if _all_match(present, _TIME) or (_all_match(present, _DATE) and distinct > 2):
        return "", _TIMES
    if frozenset(v.lower() for v in present.unique()[:3].to_pylist()) in _FLAGS:
        return "flag", "two values that say yes and no"
    leading_zero = pc.any(pc.match_substring_regex(present, "^0[0-9]")).as_py()
    batch = pa.RecordBatch.from_arrays([present], names=["x"])
    typed, _, bad = cast(batch, [Field("x", "number")])
    if not bad and not leading_zero:
        return _number_role(name, typed.column(0).to_numpy(), present, distinct)
    words = pc.split_pattern(present, " ")
    every = words.flatten()
    if len(every) > 3 * len(present) and pc.count_distinct(every).as_py() < len(every) / 2:
        return "sequence", "words with spaces between them that come again and again"
    if distinct == len(present) and distinct > FEW:
        return "key", "text that is different in every row"
    return "category", "numbers with leading zeros" if leading_zero and not bad else "text"


def _all_match(present: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(present, pattern)).as_py())


def _number_role(
    name: str, numbers: np.ndarray, present: pa.Array, distinct: int
) -> tuple[str, str]:
    whole = not pc.any(pc.match_substring_regex(present, "[.eE]")).as_py()
    if whole and distinct == len(numbers) > FEW and bool((np.diff(numbers) > 0).all()):
        return "key", "whole numbers that rise from row to row"
    if whole and re.search(r"(^|[ _])id$", name.lower()):
        return "category", "whole numbers, ids by the column's name"
    if numbers.min() >= 0 and numbers.mean() > 2 * max(float(np.median(numbers)), 1e-9):
        return "log", "numbers from 0 up, a few of them far above the others"
    return "number", "numbers"
