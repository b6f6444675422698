"""Looks of a column of rows: what its values are like, and what a kind makes of them, and why.

For a first spec (`--infer`). `Column` has the facts, each worked out once; a kind of input or head
takes the look that suits it (`could_be`) and says what speaks for it and what against. NumPy and
pyarrow only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.lists import list_lengths
from kinds.looks import names, number_forms, order, separators, times
from kinds.looks.number_forms import Numbers
from kinds.looks.separators import Parts
from kinds.looks.times import Form

FLAGS = (
    *(("0", "1"), ("0.0", "1.0"), ("f", "t"), ("n", "y")),
    *(("false", "true"), ("no", "yes")),
)
# Fewer rows than this may look like anything by chance.
FEW = 20
Said = Literal["", "text", "id"]


@dataclass(frozen=True)
class Look:
    """What a column may be: how sure that is, from 0 to 1, why, and what speaks against it.

    `settings` are those of a spec that follow; `more` has those of further parts over the same
    column, by the end of their names. `of_elements` says that a vocabulary is of a list's elements,
    not of whole texts; `missing_words` are what cells hold where there is no value.
    """

    sure: float
    reason: str
    against: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    of_elements: bool = False
    missing_words: tuple[str, ...] = ()


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


@dataclass(frozen=True, eq=False)
class Column:
    """Texts or lists of texts of a sample of the rows. `name` is what the spec calls it, `column`
    what the rows do. `smooth` says how far the target follows the order of the column's numbers
    (kinds.looks.order), `holds_target` that its lists are of the target's values; `said` is what
    somebody said that the column is. `weights` names the
    column that has a weight for each value of its lists."""

    name: str
    column: str
    values: pa.Array
    whole: Counted | None = None
    smooth: float | None = None
    said: Said = ""
    holds_target: bool = False
    weights: str = ""

    @property
    def is_list(self) -> bool:
        return bool(pa.types.is_list(self.values.type))

    @cached_property
    def present(self) -> pa.Array:
        """The texts that are there, or the elements of all lists."""
        if self.is_list:
            return self.values.flatten().drop_null()
        present = self.values.drop_null()
        return present.filter(pc.not_equal(present, ""))

    @cached_property
    def codes(self) -> np.ndarray:
        """int64 [sample's rows]: the number of each text by where it first occurs, -1 for none."""
        texts = pc.if_else(pc.equal(self.values, ""), None, self.values)
        indices = texts.dictionary_encode().indices
        return np.asarray(pc.fill_null(indices, -1).to_numpy(zero_copy_only=False), np.int64)

    @cached_property
    def counted(self) -> Counted:
        """The values of all rows; where only the sample is known, its values."""
        if self.whole is not None:
            return self.whole
        found = self.present.value_counts()
        lengths = pc.list_value_length(self.values) if self.is_list else None
        there = (
            len(self.present) if lengths is None else int(pc.sum(pc.greater(lengths, 0)).as_py())
        )
        return Counted(
            *(found.field("values"), found.field("counts").to_numpy(), len(self.values), there)
        )

    @property
    def distinct(self) -> int:
        return self.counted.distinct

    @cached_property
    def missing(self) -> float:
        return 1 - self.counted.present / max(1, self.counted.rows)

    @cached_property
    def is_unique(self) -> bool:
        """Whether no two rows have the same value."""
        of = self.counted
        return not self.is_list and of.lost == 0 and of.distinct == of.total > FEW

    @cached_property
    def is_nearly_unique(self) -> bool:
        """Whether most rows have a value of their own."""
        return self.counted.total > FEW and self.counted.new > 0.8

    @cached_property
    def is_flag(self) -> bool:
        """Whether all values say yes or no, in whatever case."""
        if self.is_list or not 0 < self.distinct <= 6:
            return False
        found = frozenset(pc.utf8_lower(pc.utf8_trim_whitespace(self.counted.values)).to_pylist())
        return any(found == {*pair} for pair in FLAGS)

    @cached_property
    def form(self) -> Numbers | None:
        """The distinct values as numbers, whatever the way they are written."""
        if self.is_list or not self.distinct:
            return None
        return number_forms.numbers_in(self.counted.values)

    @cached_property
    def numbers(self) -> np.ndarray | None:
        """The distinct values as numbers, NaN for "NA" and such, where all are numbers."""
        return None if self.form is None or self.has_leading_zeros else self.form.values

    @cached_property
    def absent(self) -> float:
        """The share of rows whose cell says in a word that there is no number."""
        if self.numbers is None or not self.form or not self.form.words:
            return 0.0
        return float(self.counted.counts[np.isnan(self.numbers)].sum() / self.counted.rows)

    @cached_property
    def row_numbers(self) -> np.ndarray | None:
        """The sample's rows as numbers, NaN where there is none."""
        if self.numbers is None:
            return None
        encoded = self.values.dictionary_encode()
        there = pc.if_else(pc.equal(encoded.dictionary, ""), None, encoded.dictionary)
        at = pc.index_in(there, self.counted.values)
        # What is too rare to be counted where there are very many values has no number here.
        known = pc.fill_null(at, -1).to_numpy(zero_copy_only=False)
        values = np.append(self.numbers, np.nan)[known]
        places = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
        return np.asarray(np.append(values, np.nan)[places])

    @cached_property
    def plain_numbers(self) -> np.ndarray | None:
        """The distinct numbers, without what is none."""
        return None if self.numbers is None else self.numbers[np.isfinite(self.numbers)]

    @cached_property
    def is_whole(self) -> bool:
        """Whether all numbers are whole, also where 8 is written 8.0."""
        numbers = self.plain_numbers
        return (
            numbers is not None and bool(len(numbers)) and bool((numbers == np.rint(numbers)).all())
        )

    @cached_property
    def is_rising(self) -> bool:
        """Whether the rows have numbers, each above the one before."""
        rows = self.row_numbers
        return rows is not None and bool((np.diff(rows) > 0).all())

    @cached_property
    def has_leading_zeros(self) -> bool:
        return bool(pc.any(pc.match_substring_regex(self.counted.values, "^0[0-9]")).as_py())

    @cached_property
    def time(self) -> Form | None:
        """How days or times are written, where all values are such."""
        if self.is_list or self.distinct < 2 or names.says_id(self.column):
            return None
        return times.form_of(self.counted.values)

    @cached_property
    def is_epoch(self) -> bool:
        """Whether whole numbers are seconds since 1970, or thousandths of seconds and so on."""
        numbers = self.plain_numbers
        if numbers is None or not self.is_whole or self.distinct < 3 or self.time is not None:
            return False
        named = names.says(self.column, names.TIMES) and not names.says_id(self.column)
        return named and bool(times.epoch_format(numbers))

    @cached_property
    def is_time(self) -> bool:
        return self.time is not None or self.is_epoch

    @cached_property
    def points(self) -> np.ndarray | None:
        """The sample's rows as seconds since 1970, NaN where there is none; None where they are no
        times or cannot be read as such."""
        if self.time is not None:
            return times.points(self.values, self.time.format) if self.time.format else None
        if not self.is_epoch or self.plain_numbers is None or self.row_numbers is None:
            return None
        form = times.epoch_format(self.plain_numbers)
        if form not in ("seconds", "milliseconds"):
            return None
        return self.row_numbers / (1000 if form == "milliseconds" else 1)

    @cached_property
    def listed(self) -> Parts | None:
        """What separates the values in a text that holds several."""
        if self.is_list or self.is_time or self.form is not None:
            return None
        return separators.listed(self.counted.values)

    @cached_property
    def words(self) -> Parts | None:
        """The words of texts."""
        if self.is_list or self.is_time or self.form is not None:
            return None
        return separators.words(self.counted.values)

    @cached_property
    def is_running(self) -> bool:
        """Whether texts are of words that come again and again: titles, remarks, codes in a row."""
        words, of = self.words, self.counted
        if words is None:
            return False
        again = words.distinct <= 0.6 * words.all
        few = words.share <= 0.5 and words.texts > FEW
        alone = of.total < 2 * of.distinct
        return again and (few or words.mean >= 6 or (alone and words.mean >= 1.5))

    @cached_property
    def without_spaces(self) -> bool:
        """Whether texts are of a writing that has no spaces between words."""
        return (
            not self.is_list
            and bool(self.distinct)
            and separators.without_spaces(self.counted.values[:1000])
        )

    @cached_property
    def lists(self) -> pa.Array:
        """The sample's lists, where the column has lists or texts with a separator."""
        if self.is_list:
            return self.values
        return pc.split_pattern(self.values, self.listed.separator if self.listed else " ")

    @cached_property
    def elements(self) -> Counted:
        """What the lists hold, of all rows."""
        of = self.counted
        if self.is_list:
            return of
        cut = pc.split_pattern(of.values, self.listed.separator if self.listed else " ")
        counts = np.repeat(of.counts, list_lengths(cut))
        table = pa.table({"value": cut.flatten(), "count": counts})
        found = table.group_by("value").aggregate([("count", "sum")]).combine_chunks()
        values = found["value"].chunk(0) if found.num_rows else pa.array([], pa.string())
        return Counted(values, found["count_sum"].to_numpy(), of.rows, of.present, of.lost)

    @cached_property
    def roughness(self) -> float | None:
        """How differently often neighbouring whole numbers occur (kinds.looks.order)."""
        if self.numbers is None or not self.is_whole:
            return None
        there = np.isfinite(self.numbers)
        return order.roughness(self.numbers[there], self.counted.counts[there])

    @cached_property
    def is_round(self) -> bool:
        """Whether round numbers are more frequent than others."""
        if self.numbers is None:
            return False
        there = np.isfinite(self.numbers)
        return order.are_round(self.numbers[there], self.counted.counts[there])


def best(looks: Sequence[Look | None]) -> Look | None:
    """The surest of the looks that there are."""
    return max((look for look in looks if look), key=lambda look: look.sure, default=None)
