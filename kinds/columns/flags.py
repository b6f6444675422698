"""The column type `flag`: 1 or 0 as float32, NaN where it is missing."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns.columns import Bad, Unreadable, where
from kinds.columns.missing import without_blanks
from kinds.columns.numbers import arrow as arrow
from kinds.columns.numbers import element as element
from kinds.columns.numbers import fed as fed
from kinds.columns.numbers import is_list as is_list
from kinds.columns.numbers import is_split_in_file as is_split_in_file
from kinds.columns.numbers import raw as raw
from kinds.columns.texts import text

if TYPE_CHECKING:
    from kinds.columns import Field

# No and yes as programs and people write them, in lower case: with a missing one often as numbers
# with a point, and by spreadsheets in the words of their language.
PAIRS = (
    *(("0", "1"), ("0.0", "1.0"), ("f", "t"), ("n", "y")),
    *(("false", "true"), ("no", "yes")),
    *(("nein", "ja"), ("falsch", "wahr")),
    *(("non", "oui"), ("faux", "vrai")),
    *(("no", "si"), ("no", "sí"), ("no", "sì")),
    *(("falso", "verdadero"), ("falso", "vero"), ("falso", "verdadeiro")),
    *(("nee", "ja"), ("onwaar", "waar")),
    *(("não", "sim"), ("nao", "sim")),
)
FALSE, TRUE = (tuple(dict.fromkeys(words)) for words in zip(*PAIRS, strict=True))


def wanted() -> str:
    return "flag"


def on_a_line() -> None:
    return None


def typed(column: pa.Array, field: "Field") -> tuple[pa.Array, list[Bad]]:
    """1 and 0. Raises Unreadable."""
    if pa.types.is_nested(column.type) or pa.types.is_temporal(column.type):
        raise Unreadable
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    said = pc.utf8_lower(without_blanks(text(column)))
    true = pc.is_in(said, pa.array(TRUE))
    known = pc.or_(pc.or_(true, pc.is_in(said, pa.array(FALSE))), said.is_null())
    values = pc.if_else(said.is_null(), math.nan, true.cast(pa.float64())).cast(pa.float32())
    return values, [Bad("not_a_flag", where(pc.invert(known)))]


def hard_cells() -> Mapping[str, Sequence[float]]:
    return {"missing_numbers": [math.nan] * 4}
