"""Near matches of what somebody typed: another case, spaces at the ends, another spelling."""

from collections.abc import Iterable
from difflib import get_close_matches

SHOWN = 3


def near(said: str, known: Iterable[str]) -> str:
    """What to add to a message about a name or a value that is not known; "" without any near it.

    >>> near(" house", ["House", "mouse", "cat"]), near("x", ["cat"])
    ("; near it: 'House', 'mouse'", '')
    """
    values = list(known)
    plain = _plain(said)
    found = [value for value in values if _plain(value) == plain]
    found += get_close_matches(said, values, SHOWN)
    shown = list(dict.fromkeys(found))[:SHOWN]
    return f"; near it: {', '.join(map(repr, shown))}" if shown else ""


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
