"""Vectors at every place of a list, of which heads predict the next elements (`next_of`)."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kinds.parsing import Vector

# Ids [...] to their vectors [..., width], behind the shared block if there is one.
LookUp = Callable[[Vector], Vector]


class Ids(NamedTuple):
    """The ids of a list's last elements, padded on the left: [batch, length] of the input, and
    [batch, places] of all places."""

    last: Vector
    everywhere: Vector


class AtPlaces(NamedTuple):
    """[batch, width] of the whole list; [batch, places, width], at each place what the list up to
    there gives."""

    last: Vector
    everywhere: Vector


def at_places(
    name: str, part: Any, ids: Ids, look_up: LookUp, entries: Mapping[str, int]
) -> AtPlaces | None:
    """Of an input that reads no list."""
    return None
