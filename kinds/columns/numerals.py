"""Numerals: how the numbers of a column are written, such as 1.234,50 € or 12 %."""

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
# Between groups of digits the same, however wide it is.
_SPACES = "[ \u00a0\u2009\u202f]"


@dataclass(frozen=True)
class Numerals:
    """What a text may hold beside digits: a `decimal` mark, a mark between `thousands`, the sign of
    a `currency` before or after it, and after it % where `percent` says so."""

    decimal: str = "."
    thousands: str = ""
    percent: bool = False
    currency: str = ""

    def pattern(self) -> str:
        """Five groups: the sign, the same after the currency, the digits before the decimal mark,
        the rest, and %. Digits in groups have all of them: 1.5 is no 15."""
        decimal, currency = re.escape(self.decimal), re.escape(self.currency)
        whole = "[0-9]+"
        if self.thousands:
            between = _SPACES if self.thousands == " " else re.escape(self.thousands)
            whole = f"[0-9]{{1,3}}(?:{between}[0-9]{{2,3}})*{between}[0-9]{{3}}|{whole}"
        money = f"(?:{currency})?{_SPACES}?" if self.currency else ""
        after = f"{_SPACES}?(?:{currency})?" if self.currency else ""
        percent = f"(?:{_SPACES}?(%))?" if self.percent else "()"
        rest = f"(?:{decimal}[0-9]*)?(?:[eE][+-]?[0-9]+)?"
        return f"^([+-]?){money}([+-]?)((?:{whole})?)({rest}){after}{percent}$"


PLAIN = Numerals()


def plain_numbers(said: pa.Array, numerals: Numerals) -> tuple[pa.Array, pa.Array]:
    """Trimmed texts as plain numerals, and which of them are in percent. What would be a number
    without the format becomes a text that is none; other texts stay.

    >>> german = Numerals(decimal=",", thousands=".", percent=True, currency="€")
    >>> texts, percent = plain_numbers(pa.array(["1.234,5 €", "-7,5 %", "1.5", "€3", None]), german)
    >>> texts.to_pylist(), percent.to_pylist()
    (['1234.5', '-7.5', '1.5?', '3', None], [False, True, False, False, False])
    """
    pattern = numerals.pattern()
    fits = pc.match_substring_regex(said, pattern)
    cells = pc.if_else(fits, said, None)
    sign, digits, rest, percent = (
        pc.replace_substring_regex(cells, pattern, group)
        for group in (r"\1\2", r"\3", r"\4", r"\5")
    )
    digits = pc.replace_substring_regex(digits, "[^0-9]", "")
    rest = pc.replace_substring(rest, numerals.decimal, ".", max_replacements=1)
    plain = pc.binary_join_element_wise(sign, digits, rest, "")
    is_other_number = pc.match_substring_regex(said, NUMBER)
    other = pc.if_else(is_other_number, pc.binary_join_element_wise(said, "?", ""), said)
    return pc.if_else(fits, plain, other), pc.fill_null(pc.equal(percent, "%"), False)
