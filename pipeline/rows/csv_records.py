"""Where records of CSV end, and which of them a quote has broken: one fast look, no cell parsed.

Arrow and Python's csv module take a quote for the begin of quoted text only where a cell begins;
two of them in quoted text are one quote of the text. A quote that is never closed, or one that a
program escaped with a backslash, so makes one cell of all the rows up to the next quote. Such a
record is told by

- the end of the file, which stands in quotes,
- a closing quote with more of the cell behind it, and line ends or an escaped quote before it,
- lines each of which would be a row (`_ENOUGH` says how many it takes: a text may look so).

Where its lines are rows, the first is broken and the others are read; else all of it is one row.
"""

import csv
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

_QUOTE, _LF, _CR, _BACKSLASH = b'"\n\r\\'
UNCLOSED, BACKSLASH = "unclosed_quote", "backslash_quote"
# Delimiters that lie by chance where they would in rows: from so many on it is no chance.
_ENOUGH = 4
_LINES_LOOKED_AT = 1_000
_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Places: TypeAlias = npt.NDArray[np.int64]
_Flags: TypeAlias = npt.NDArray[np.bool_]


class Piece(NamedTuple):
    """Whole records, from a place to another: rows to read, or a broken one and the reason."""

    start: int
    stop: int
    rows: int
    reason: str = ""


class Marks(NamedTuple):
    """What decides in some bytes: quotes, ends of lines, and which bytes a backslash escapes."""

    content: bytes
    bytes: _Bytes
    quotes: _Places
    ends: _Places
    escaped: _Flags | None


class Records:
    """Finds the records of one file. `doubtful` counts cells that may hold rows, and may not."""

    def __init__(self, delimiter: str, columns: int, *, escape: bool) -> None:
        self._delimiter, self._columns, self._escape = delimiter, columns, escape
        self._ends_a_cell = np.zeros(256, dtype=bool)
        self._ends_a_cell[[_LF, _CR, ord(delimiter)]] = True
        self.doubtful = 0

    def pieces(self, content: bytes, *, is_end: bool) -> tuple[list[Piece], bool]:
        """The whole records at the begin of some bytes, which begin with one, and whether any of
        them has several lines. What is left may go on behind these bytes, but at the end."""
        marks = self._marks(content, is_end)
        regular = self._regular(marks, is_end)
        return self._walked(marks, is_end) if regular is None else regular

    def ends(self, content: bytes) -> _Places:
        """The place behind each record of some bytes that are whole records, none of them broken.

        A blank line is one, too.
        """
        marks = self._marks(content, is_end=True)
        if len(marks.quotes) % 2 == 0 and self._are_regular(marks, marks.quotes):
            found = marks.ends[np.searchsorted(marks.quotes, marks.ends) % 2 == 0] + 1
        else:
            found = np.array(list(self._walked_ends(marks)), np.int64)
        return found if len(found) and found[-1] == len(content) else np.append(found, len(content))

    def _walked_ends(self, marks: Marks) -> Iterator[int]:
        """The same from quote to quote."""
        quotes, ends = marks.quotes.tolist(), marks.ends.tolist()
        at = 0
        while (next_end := bisect_left(ends, at)) < len(ends):
            opening = self._opening(marks, quotes, bisect_left(quotes, at), ends[next_end])
            if opening is None:
                at = ends[next_end] + 1
                yield at
            elif (closing := _closing(quotes, opening)) is None:
                return
            else:
                at = quotes[closing] + 1

    def is_closed(self, line: bytes) -> bool:
        """Whether a line that begins with a record ends with it."""
        if _QUOTE not in line:
            return True
        return [piece.reason for piece in self.pieces(line, is_end=True)[0]] == [""]

    def unclosed(self, content: bytes) -> Piece | None:
        """The line with the quote that is not closed in so many bytes; None if they are no rows."""
        lines = content[: 1 << 20].splitlines(keepends=True)[:-1]
        if not lines or not self._are_rows(lines):
            return None
        return Piece(0, len(lines[0]), 1, self._reason(lines[0]))

    def _marks(self, content: bytes, is_end: bool) -> Marks:
        found = np.frombuffer(content, dtype=np.uint8)
        quotes = np.flatnonzero(found == _QUOTE)
        at_end = found == _LF
        if b"\r" in content:
            returns = np.flatnonzero(found == _CR)
            # At the end of the bytes it may be half of a line end.
            returns = returns if is_end else returns[returns < len(found) - 1]
            alone = np.append(found, 0)[returns + 1] != _LF
            at_end[returns[alone]] = True
        escaped = _escaped(found) if self._escape and b"\\" in content else None
        if escaped is not None:
            quotes, at_end = quotes[~escaped[quotes]], at_end & ~escaped
        return Marks(content, found, quotes, np.flatnonzero(at_end), escaped)

    def _regular(self, marks: Marks, is_end: bool) -> tuple[list[Piece], bool] | None:
        """All records at once; None where one needs a closer look.

        Where every second quote stands at the begin of a cell or behind the quote before it, and
        each other one at the end of a cell or before another, a place is in quoted text exactly if
        an odd number of quotes stands before it.
        """
        found, quotes, ends = marks.bytes, marks.quotes, marks.ends
        is_inside = np.searchsorted(quotes, ends) % 2 == 1
        outer = ends[~is_inside]
        if not is_end:
            stop = int(outer[-1]) + 1 if len(outer) else 0
        elif len(quotes) % 2:
            return None
        else:
            stop = len(found)
            if not len(outer) or outer[-1] < stop - 1:
                outer = np.append(outer, stop - 1)
        quotes = quotes[: np.searchsorted(quotes, stop)]
        if not self._are_regular(marks, quotes):
            return None
        if not stop:
            return [], False
        has_several = bool(is_inside[: np.searchsorted(ends, stop)].any())
        if has_several and not self._have_no_rows(found, ends, outer):
            return None
        starts = np.append(0, outer[:-1] + 1)
        return [Piece(0, stop, int(np.sum(~is_line_end(found[starts]))))], has_several

    def _are_regular(self, marks: Marks, quotes: _Places) -> bool:
        found, opening, closing = marks.bytes, quotes[::2], quotes[1::2]
        before = opening[int(len(opening) > 0 and opening[0] == 0) :] - 1
        begins = self._ends_a_cell[found[before]]
        if marks.escaped is not None:
            begins &= ~marks.escaped[before]
        behind = closing[: len(closing) - int(len(closing) > 0 and closing[-1] == len(found) - 1)]
        ends = self._ends_a_cell[found[behind + 1]] | (found[behind + 1] == _QUOTE)
        return bool((begins | (found[before] == _QUOTE)).all() and ends.all())

    def _have_no_rows(self, found: _Bytes, ends: _Places, outer: _Places) -> bool:
        """Whether no record of several lines looks like rows; if one may be, a text is meant."""
        if self._columns < 2:
            return True
        ends = ends[: np.searchsorted(ends, outer[-1], side="right")]
        if ends[-1] < outer[-1]:
            ends = np.append(ends, outer[-1])
        starts = np.append(0, ends[:-1] + 1)
        # Counted up to 255 and then again from 0: what may be rows is looked at closely.
        cells = np.add.reduceat((found == ord(self._delimiter)).view(np.uint8), starts)
        is_a_row = cells == (self._columns - 1) % 256
        last = np.searchsorted(ends, outer)
        first = np.append(0, last[:-1] + 1)
        more = (last - first) * np.logical_and.reduceat(is_a_row, first)
        if (more * (self._columns - 1) >= _ENOUGH).any():
            return False
        self.doubtful += int(np.sum(more > 0))
        return True

    def _walked(self, marks: Marks, is_end: bool) -> tuple[list[Piece], bool]:
        """The same from quote to quote."""
        content, size = marks.content, len(marks.content)
        quotes, ends = marks.quotes.tolist(), marks.ends.tolist()
        pieces: list[Piece] = []
        good = rows = record = at = 0
        has_several = spans = False
        fault = ""
        while record < size:
            next_end = bisect_left(ends, at)
            end = ends[next_end] if next_end < len(ends) else size
            opening = self._opening(marks, quotes, bisect_left(quotes, at), end)
            if opening is not None:
                closing = _closing(quotes, opening)
                is_open = closing is None or (quotes[closing] == size - 1 and not is_end)
                if not is_open:
                    at = quotes[closing] + 1
                    is_long = end < quotes[closing]
                    spans |= is_long
                    if at < size and not self._ends_a_cell[content[at]]:
                        cell = content[quotes[opening] : at]
                        is_escaped = not self._escape and b'\\"' in cell
                        fault = BACKSLASH if is_escaped else UNCLOSED if is_long else fault
                    continue
                if not is_end:
                    break
                end, spans, fault = size, True, fault or UNCLOSED
            elif end == size and not is_end:
                break
            stop = min(end + 1, size)
            broken = self._broken(content[record:stop], fault, spans)
            has_several |= spans
            if broken:
                if record > good:
                    pieces.append(Piece(good, record, rows))
                for length, reason in broken:
                    pieces.append(Piece(record, record + length, 1, reason))
                    record += length
                good, rows = record, 0
            else:
                rows += content[record] not in (_LF, _CR)
                record = stop
            at, spans, fault = record, False, ""
        if record > good:
            pieces.append(Piece(good, record, rows))
        return pieces, has_several

    def _opening(self, marks: Marks, quotes: Sequence[int], at: int, end: int) -> int | None:
        """Which quote is the next one that begins a quoted cell, if there is one before `end`."""
        while at < len(quotes) and quotes[at] < end:
            before = quotes[at] - 1
            is_escaped = marks.escaped is not None and before >= 0 and marks.escaped[before]
            if before < 0 or (self._ends_a_cell[marks.content[before]] and not is_escaped):
                return at
            at += 1
        return None

    def _broken(self, record: bytes, fault: str, spans: bool) -> list[tuple[int, str]]:
        """The lengths of the broken rows that a record begins with, and the reason of each."""
        lines = record.splitlines(keepends=True)
        if not fault:
            if not spans or self._columns < 2 or not all(map(self._has_its_length, lines)):
                return []
            if (len(lines) - 1) * (self._columns - 1) < _ENOUGH:
                self.doubtful += 1
                return []
        elif len(lines) > 1 and self._columns == 1:
            return [(len(line), self._reason(lines[0])) for line in lines]
        reason = self._reason(lines[0]) if len(lines) > 1 or fault == UNCLOSED else fault
        if len(lines) > 1 and self._are_rows(lines):
            return [(len(lines[0]), reason)]
        return [(len(record), reason)]

    def _reason(self, line: bytes) -> str:
        return BACKSLASH if b'\\"' in line and not self._escape else UNCLOSED

    def _are_rows(self, lines: Sequence[bytes]) -> bool:
        """Whether at least half of the lines are rows, each by itself."""
        if self._columns < 2:
            return False
        looked_at = lines[:_LINES_LOOKED_AT]
        fitting = sum(self._has_its_length(line) or self._is_row(line) for line in looked_at)
        return 2 * fitting >= len(looked_at)

    def _has_its_length(self, line: bytes) -> bool:
        return line.count(self._delimiter.encode()) == self._columns - 1

    def _is_row(self, line: bytes) -> bool:
        text = line.decode("latin-1")
        return len(next(csv.reader([text], delimiter=self._delimiter), [])) == self._columns


def _closing(quotes: Sequence[int], opening: int) -> int | None:
    """Which quote closes the text; two in a row are a quote of the text."""
    at = opening + 1
    while at + 1 < len(quotes) and quotes[at + 1] == quotes[at] + 1:
        at += 2
    return at if at < len(quotes) else None


def _escaped(found: _Bytes) -> _Flags:
    """Which bytes stand behind a backslash that none escapes."""
    places = np.flatnonzero(found == _BACKSLASH)
    is_first = np.append(True, np.diff(places) > 1)[: len(places)]
    run_start = np.maximum.accumulate(np.where(is_first, np.arange(len(places)), 0))
    escaping = places[(np.arange(len(places)) - run_start) % 2 == 0]
    flags = np.zeros(len(found) + 1, dtype=bool)
    flags[escaping + 1] = True
    return flags[:-1]


def is_line_end(content: _Bytes) -> _Flags:
    return (content == _LF) | (content == _CR)
