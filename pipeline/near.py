"""Near matches of what somebody typed: another case, another Unicode form, another spelling."""

import unicodedata
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

SHOWN = 3


def near(said: str, known: Iterable[str], of: str = "it") -> str:
    """What to add to a message about a name or a value that is not known; "" without any near it.

    >>> near(" house", ["House", "mouse", "cat"]), near("x", ["cat"])
    ("; near it: 'House', 'mouse'", '')
    """
    values = list(known)
    wanted = plain(said)
    found = [value for value in values if plain(value) == wanted]
    found += get_close_matches(said, values, SHOWN)
    shown = [_shown(value, said) for value in list(dict.fromkeys(found))[:SHOWN]]
    return f"; near {of}: {', '.join(shown)}" if shown else ""


def near_columns(missing: Sequence[str], names: Sequence[str]) -> str:
    """What to add to a message about missing columns.

    >>> near_columns(["Age", "a\\u0308", "x"], ["age", "\\xe4"])
    "; near 'Age': 'age'; near 'a\\u0308': '\\xe4' (the same in another Unicode form, NFC or NFD)"
    """
    found = (near(name, names, repr(name)) for name in missing)
    return "".join([said for said in found if said][:SHOWN])


def _shown(value: str, said: str) -> str:
    is_form = value != said and _composed(value) == _composed(said)
    return f"{value!r} (the same in another Unicode form, NFC or NFD)" if is_form else repr(value)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def plain(text: str) -> str:
    """What two names have in common that differ in case, spaces or Unicode form alone."""
    return " ".join(_composed(text).split()).casefold()
