"""A column of rows: facts about its values, each worked out once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.looks import flags, names, number_forms, order, separators, times
from kinds.looks.counted import Counted, present
from kinds.looks.number_forms import Numbers
from kinds.looks.separators import Parts
from kinds.looks.times import Form

# Fewer rows than this may look like anything by chance.
FEW = 20
# What people write and programs seldom do: a word with a capital, or with a mark at its end.
_WRITTEN = r"(^| )(\p{Lu}\p{Ll}|\p{L}+[.,;:!?)]( |$))"
Said = Literal["", "text", "id"]


@dataclass(frozen=True, eq=False)
class Column:
    """Texts or lists of texts of a sample of the rows. `name` is what the spec calls it, `column`
    what the rows do. `smooth` says how far the target follows the order of the column's numbers
    (kinds.looks.order), `holds_target` that its lists are of the target's values; `said` is what
    somebody said that the column is. `weights` names the column that has a weight for each value of
    its lists. Of lists that are `followed` the next element is to be predicted. `no_values` are the
    texts in it that stand for no number, beside the usual ones. Of numbers `each` stands for itself
    where they are an input of their own beside the number."""

    name: str
    column: str
    values: pa.Array
    whole: Counted | None = None
    smooth: float | None = None
    said: Said = ""
    holds_target: bool = False
    weights: str = ""
    no_values: tuple[str, ...] = ()
    followed: bool = False
    each: bool = False

    @property
    def is_list(self) -> bool:
        return bool(pa.types.is_list(self.values.type))

    @cached_property
    def present(self) -> pa.Array:
        """The texts that are there, or the elements of all lists."""
        return present(self.values)

    @cached_property
    def codes(self) -> np.ndarray:
        """int64 [sample's rows]: the number of each text by where it first occurs, -1 for none."""
        texts = pc.if_else(pc.equal(self.values, ""), None, self.values)
        indices = texts.dictionary_encode().indices
        return np.asarray(pc.fill_null(indices, -1).to_numpy(zero_copy_only=False), np.int64)

    @cached_property
    def counted(self) -> Counted:
        """The values of all rows; where only the sample is known, its values."""
        return Counted.of(self.values) if self.whole is None else self.whole

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
        """Whether all values say yes or no, in whatever case, but for words such as NA."""
        is_few = not self.is_list and 0 < self.distinct <= 8
        return is_few and flags.are_flags(self.counted.values)

    @cached_property
    def flag_words(self) -> tuple[str, ...]:
        """What stands in a column of flags where there is none."""
        return flags.missing_words(self.counted.values) if self.is_flag else ()

    @cached_property
    def form(self) -> Numbers | None:
        """The distinct values as numbers, whatever the way they are written."""
        if self.is_list or not self.distinct:
            return None
        return number_forms.numbers_in(self.counted.values, self.no_values)

    @cached_property
    def odd_texts(self) -> tuple[str, ...]:
        """The few texts that are no numbers, where nearly all rows have one."""
        if self.is_list or self.said or self.form is not None:
            return ()
        return number_forms.odd_texts(self.counted.values, self.counted.counts)

    @cached_property
    def nearly_numbers(self) -> str:
        """What stands in texts that would else be numbers, for a person."""
        if self.is_list or self.form is not None or self.time is not None:
            return ""
        return number_forms.nearly_numbers(self.counted.values)

    @cached_property
    def numbers(self) -> np.ndarray | None:
        """The distinct values as numbers, NaN for "NA" and such, where all are numbers."""
        return None if self.form is None or self.has_leading_zeros else self.form.values

    @cached_property
    def absent(self) -> float:
        """The share of rows whose cell says in a word that there is no value."""
        return float(self.counted.counts[self._say_none].sum() / max(1, self.counted.rows))

    @cached_property
    def _say_none(self) -> np.ndarray:
        """Which distinct values are such words: of days and times, of flags, or of numbers."""
        if self.numbers is not None and self.form and self.form.words and not self.is_flag:
            return np.isnan(self.numbers)
        words = self.flag_words if self.time is None else self.time.words
        said = pc.utf8_trim_whitespace(self.counted.values)
        found = pc.is_in(said, pa.array(words, pa.string()))
        return np.asarray(found.to_numpy(zero_copy_only=False), bool)

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
            written, words = self.time.format, self.time.words
            return times.points(self.values, written, words) if written else None
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
    def is_written(self) -> bool:
        """Whether texts are as people write them."""
        return bool(pc.mean(pc.match_substring_regex(self.counted.values, _WRITTEN)).as_py() >= 0.5)

    @cached_property
    def without_spaces(self) -> bool:
        """Whether texts are of a writing that has no spaces between words."""
        return (
            not self.is_list
            and bool(self.distinct)
            and separators.without_spaces(self.counted.values[:1000])
        )

    @cached_property
    def cut_times(self) -> str:
        """What cuts days or times that no date reads into as many parts each; empty if nothing."""
        if self.time is None or self.points is not None:
            return ""
        return separators.evenly(self.counted.values)

    @property
    def _separator(self) -> str:
        return self.cut_times or (self.listed.separator if self.listed else " ")

    @cached_property
    def lists(self) -> pa.Array:
        """The sample's lists, where the column has lists or texts with a separator."""
        return self.values if self.is_list else pc.split_pattern(self.values, self._separator)

    @cached_property
    def elements(self) -> Counted:
        """What the lists hold, of all rows."""
        return self.counted if self.is_list else self.counted.cut(self._separator)

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
