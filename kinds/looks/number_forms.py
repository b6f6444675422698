"""Texts that are numbers, also as people write them: with commas, currencies, percent, NA."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns.numerals import NUMBER, PLAIN, Numerals, plain_numbers

_NONE = (
    r"^(?i:na|n/a|n\.a\.|nan|null|none|nil|missing|unknown|\?|-+|\.|<na>|[+-]?inf(inity)?"
    r"|#(n/a|div/0!|value!|ref!|name\?|num!|null!))$"
)
# NaN is a missing number without being said so.
_NAN = "^[+-]?(?i:nan)$"
_SIGN = re.compile(r"[^0-9+%\s.,'_-]+\.?")
# Any other letter beside digits makes a code, such as u12.
_SIGNS = "$ € £ ¥ ₹ ₽ ₩ ₺ ₴ ₪ ฿ ₫ ₱ R$ US$ C$ A$ kr kr. zł Kč Ft Rs Rs."
_CODES = """USD EUR GBP JPY CNY INR CHF CAD AUD NZD SEK NOK DKK PLN CZK HUF BRL MXN ZAR TRY RUB KRW
    SGD HKD"""
_CURRENCIES = frozenset(f"{_SIGNS} {_CODES}".split())
# Behind a number they are no code, as 9XL is.
_OF_THINGS = "km kg mg cm mm ft lb lbs oz mi mph kmh km/h ml kcal cal kW kWh hp cc KB MB GB TB"
_OF_TIMES = "min hrs hours days years yrs sec ms Hz kHz MHz GHz °C °F"
_UNITS = frozenset(f"{_OF_THINGS} {_OF_TIMES}".split())
# Numbers that say that there is none, where all others are far above.
_NO_NUMBER = (-99.0, -999.0, -9999.0, -99999.0, -999999.0)
_FEWEST_OTHERS = 10
_MARKS = ((".", ""), (".", ","), (",", ""), (",", "."), (".", " "), (".", "'"), (",", " "))
_SAID = {
    (".", ","): "thousands with commas",
    (",", ""): "decimal commas",
    (",", "."): "decimal commas and thousands with points",
    (".", " "): "thousands with spaces",
    (".", "'"): "thousands with apostrophes",
    (",", " "): "decimal commas and thousands with spaces",
}
_MANY = 1000
# So few other texts, in so small a share of the rows, among so many numbers are no values.
_FEW_OTHERS, _RARE, _ENOUGH = 5, 0.02, 20
# Words without a digit may be in more of the rows.
_SELDOM = 0.2
_NEARLY_ALL = 0.9
# What is nearly a number: after a sign such as < or a typographic minus, in parentheses, or with a
# unit behind it.
_SIGNED = r"[(<>~\x{2212}\x{2013}\x{2248}\x{2264}\x{2265}]? ?"
_UNIT = r"( ?\x{b0}?\p{L}{2,7}[.23\x{b2}\x{b3}]?| ?\x{b0}| \x{b0}?\p{L}{1,7}[23\x{b2}\x{b3}]?)?"
# No address such as 10.0.28.9, and no version.
_DIGITS = "[0-9]+([.,][0-9]{3})*([.,][0-9]+)?"
_NEARLY = f"^{_SIGNED}[+-]?{_DIGITS}{_UNIT}\\)?$"


@dataclass(frozen=True)
class Numbers:
    """The texts as numbers, NaN where one of the `words` says that there is none. `settings` is how
    they are written, if not plainly, and `said` the same for a person."""

    values: np.ndarray
    words: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    said: str = ""


def numbers_in(texts: pa.Array, no_values: Sequence[str] = ()) -> Numbers | None:
    """The texts as numbers, None where they are none. `no_values` are texts that are no numbers,
    beside the usual ones such as NA.

    >>> numbers_in(pa.array(["1", "NA", "2.5"])).values
    array([1. , nan, 2.5])
    >>> numbers_in(pa.array(["$1,200.50", "$3.20"])).settings
    {'thousands': ',', 'currency': '$'}
    >>> numbers_in(pa.array(["u1", "u2"])) is None
    True
    """
    try:
        # In the usual case one look is enough.
        values = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
        if np.isfinite(values).all():
            return _without_sentinel(texts, Numbers(values))
    except pa.ArrowInvalid:
        pass
    texts = pc.utf8_trim_whitespace(texts)
    absent = say_none(texts)
    absent = pc.or_(absent, pc.is_in(texts, pa.array(no_values, pa.string())))
    left = texts.filter(pc.invert(absent))
    # Few numbers beside many other words are labels such as "10" beside "none".
    if 2 * len(left) < len(texts) or not len(left):
        return None
    gone = texts.filter(absent)
    words = tuple(gone.filter(pc.invert(pc.match_substring_regex(gone, _NAN))).unique().to_pylist())
    there = pc.if_else(absent, None, texts)
    if _all(left, NUMBER):
        return _without_sentinel(texts, Numbers(_floats(there), words))
    for numerals in _ways(left):
        if _all(left, numerals.pattern()):
            plain, percent = plain_numbers(there, numerals)
            values = _floats(plain)
            hundredths = percent.to_numpy(zero_copy_only=False)
            return Numbers(np.where(hundredths, values / 100, values), words, *_settings(numerals))
    return None


def say_none(texts: pa.Array) -> pa.Array:
    """Which texts are words such as NA that say that there is no value.

    >>> say_none(pa.array(["NA", "12", "n/a", "nature"])).to_pylist()
    [True, False, True, False]
    """
    return pc.match_substring_regex(texts, _NONE)


def _without_sentinel(texts: pa.Array, found: Numbers) -> Numbers:
    """The numbers without one that says that there is none: -999 far below all others.

    >>> texts = pa.array(["-999", *map(str, range(40))])
    >>> found = numbers_in(texts)
    >>> found.words, found.values[:3]
    (('-999',), array([nan,  0.,  1.]))
    """
    numbers = np.unique(found.values[np.isfinite(found.values)])
    if len(numbers) <= _FEWEST_OTHERS or numbers[0] not in _NO_NUMBER:
        return found
    if numbers[1] - numbers[0] <= numbers[-1] - numbers[1]:
        return found
    there = found.values != numbers[0]
    words = texts.filter(pa.array(~there)).to_pylist()
    return replace(
        found, values=np.where(there, found.values, np.nan), words=(*found.words, *words)
    )


def odd_texts(texts: pa.Array, counts: np.ndarray) -> tuple[str, ...]:
    """Few texts in few rows that are no numbers, where all others are plain ones; or few words, in
    some more rows, where all others are numbers in whatever way they are written.

    >>> texts = pa.array(["abc", *map(str, range(200))])
    >>> odd_texts(texts, np.ones(201))
    ('abc',)
    >>> texts = pa.array(["k.A.", *(f"1.{one},50" for one in range(100, 300))])
    >>> odd_texts(texts, np.ones(201))
    ('k.A.',)
    """
    said = pc.utf8_trim_whitespace(texts)
    known = pc.or_(pc.match_substring_regex(said, NUMBER), say_none(said))
    if found := _few(said, counts, known, _RARE):
        return found
    known = pc.or_(pc.match_substring_regex(said, "[0-9]"), say_none(said))
    found = _few(said, counts, known, _SELDOM)
    return found if found and numbers_in(said.filter(known)) is not None else ()


def _few(texts: pa.Array, counts: np.ndarray, known: pa.Array, share: float) -> tuple[str, ...]:
    """The texts that are not known, if they are few and in no greater share of the rows."""
    at = np.flatnonzero(~known.to_numpy(zero_copy_only=False))
    is_few = 0 < len(at) <= _FEW_OTHERS and len(texts) - len(at) >= _ENOUGH
    if not is_few or counts[at].sum() > share * counts.sum():
        return ()
    return tuple(dict.fromkeys(texts.take(pa.array(at)).to_pylist()))


def nearly_numbers(texts: pa.Array) -> str:
    """What stands in texts that would else be numbers, for a person; empty where they are none.

    >>> nearly_numbers(pa.array(["12 kg", "7.5 kg"])), nearly_numbers(pa.array(["u12", "u7"]))
    ("such as '12 kg'", '')
    >>> nearly_numbers(pa.array(["10.0.28.9", "10.0.7.12"])), nearly_numbers(pa.array(["1. Yes"]))
    ('', '')
    """
    some = texts[:_MANY]
    plain = pc.match_substring_regex(some, NUMBER).to_numpy(zero_copy_only=False)
    nearly = pc.match_substring_regex(some, _NEARLY).to_numpy(zero_copy_only=False)
    if not len(some) or (plain | nearly).mean() < _NEARLY_ALL or not (nearly & ~plain).any():
        return ""
    first = int(np.flatnonzero(nearly & ~plain)[0])
    return f"such as {some[first].as_py()!r}"


def _floats(texts: pa.Array) -> np.ndarray:
    plain = pc.utf8_ltrim(texts, "+").cast(pa.float64())
    return np.asarray(pc.fill_null(plain, np.nan).to_numpy(zero_copy_only=False))


def _ways(texts: pa.Array) -> Iterator[Numerals]:
    """The ways in which these may be written, the plainest first."""
    some = texts[:_MANY].to_pylist()
    if not all(any(letter.isdigit() for letter in text) for text in some):
        return
    signs = {sign for text in some for sign in _SIGN.findall(text)} - {"e", "E"}
    are_behind = all(not text[-1:].isdigit() or text[:1].isdigit() for text in some)
    if len(signs) > 1 or not signs <= _CURRENCIES | (_UNITS if are_behind else frozenset()):
        return
    currency = next(iter(signs), "")
    percent = any("%" in text for text in some)
    for decimal, thousands in _MARKS:
        # 0,123 is no group of digits.
        if thousands == "," and pc.any(pc.match_substring_regex(texts, "^[^0-9]*0,")).as_py():
            continue
        one = Numerals(decimal, thousands, percent, currency)
        if one != PLAIN:
            yield one


def _settings(numerals: Numerals) -> tuple[dict[str, Any], str]:
    said = [_SAID.get((numerals.decimal, numerals.thousands), "")]
    said += [f"in {numerals.currency}"] * bool(numerals.currency) + ["in %"] * numerals.percent
    settings = {
        name: value for name, value in vars(numerals).items() if value != getattr(PLAIN, name)
    }
    return settings, " ".join(word for word in said if word)


def _all(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())
