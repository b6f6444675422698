"""How a CSV file is written: its delimiter, its header, and where its rows begin.

The delimiter is the one by which the first rows fit the header, in a .tsv file a tab. What a person
says of it (`Csv`) goes first. Above the header there may be Excel's `sep=;` and lines that begin
with `#`.
"""

import argparse
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.failures import Exit, Failure
from pipeline.rows.batches import BLOCK_BYTES
from pipeline.rows.files import opened

DELIMITERS = ",\t;|\x01\x1f"
_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_ROWS = 100
_SAMPLE_BYTES = 1 << 16
# Of two delimiters by which about as many rows fit, other things decide.
_ABOUT = 0.1
_SEPARATOR = re.compile(rb'"?sep=([^"\r\n])"?(\r\n|\r|\n)', re.IGNORECASE)


@dataclass(frozen=True)
class Csv:
    """How CSV files are written, as the command line says; the rest is found in each file."""

    delimiter: str | None = None
    escape: bool = False

    def arguments(self) -> list[str]:
        """The same for the command line of another stage."""
        said = [] if self.delimiter is None else [f"--delimiter={self.delimiter}"]
        return [*said, *["--csv-escape"] * self.escape]


AS_FOUND = Csv()


class Dialect(NamedTuple):
    """The delimiter of a file, the columns of its header, and the place behind it."""

    delimiter: str
    columns: list[str]
    start: int


def add_csv(parser: argparse.ArgumentParser) -> None:
    """The options of every command that reads files of rows."""
    said = "of CSV, or tab (default: found by the rows)"
    parser.add_argument("--delimiter", type=_letter, metavar="X", help=said)
    said = r"of CSV: \" is a quote, \N is missing (Spark, MySQL)"
    parser.add_argument("--csv-escape", action="store_true", help=said)


def csv_of(options: argparse.Namespace) -> Csv:
    """What was said with the options of `add_csv`."""
    return Csv(options.delimiter, options.csv_escape)


def _letter(text: str) -> str:
    letter = _NAMES.get(text, text)
    if len(letter) != 1 or not letter.isascii() or letter in '"\\\r\n\0':
        raise argparse.ArgumentTypeError(f"must be one character or 'tab'. Received: {text!r}")
    return letter


def dialect(path: str, said: Csv) -> Dialect:
    """Raises Failure 2 for a header that is not UTF-8, or where it is not clear what was meant."""
    # By a delimiter that is not the file's a whole header is one field.
    limit = csv.field_size_limit(BLOCK_BYTES)
    try:
        start, lines, ways = _ways(path, said)
    finally:
        csv.field_size_limit(limit)
    way = _best(path, ways)
    if others := [name for name in way.header if any("\udc80" <= c <= "\udcff" for c in name)]:
        rule = "the header must be UTF-8 text; `iconv -f WINDOWS-1252 -t UTF-8` makes it such"
        shown = others[0].encode("utf-8", "surrogateescape").decode("cp1252", "replace")
        raise Failure(Exit.USAGE, rule, received=f"{path} with {shown[:80]!r}")
    _check(path, way, lines)
    return Dialect(way.delimiter, way.header, start + sum(map(len, lines[: way.lines])))


class _Way(NamedTuple):
    """What a delimiter makes of the first lines: those above the header, the header, how many lines
    there are up to its end, and the numbers of cells of the first rows."""

    delimiter: str
    above: int
    header: list[str]
    lines: int
    lengths: list[int]

    @property
    def fitting(self) -> float:
        """The share of the rows that are as long as the header; of no rows all."""
        if not self.lengths:
            return 1.0
        return self.lengths.count(len(self.header)) / len(self.lengths)


def _ways(path: str, said: Csv) -> tuple[int, list[bytes], list[_Way]]:
    """Where the file's text begins, its first lines, and the ways to read them."""
    with opened(path) as file:
        start, size, sample = file.tell(), _SAMPLE_BYTES, b""
        while True:
            sample += file.read(size - len(sample))
            lines = sample.splitlines(keepends=True)
            is_all = len(sample) < size or size >= BLOCK_BYTES
            excel = _SEPARATOR.fullmatch(lines[0]) if lines else None
            found = excel[1].decode("latin-1") if excel else DELIMITERS
            above, delimiters = int(excel is not None), said.delimiter or found
            ways = [_way(one, lines, above, is_all, said.escape) for one in delimiters]
            # The last line may go on.
            if is_all or all(way.lines < len(lines) for way in ways):
                return start, lines, ways
            size *= 4


def _way(delimiter: str, lines: Sequence[bytes], above: int, is_all: bool, escape: bool) -> _Way:
    comments = next((n for n, line in enumerate(lines[above:]) if not line.startswith(b"#")), 0)
    above += comments
    # "#chrom,start" is a header, "#made by a tool" is none: the rows have other cells.
    if comments and not lines[above - 1].startswith((b"# ", b"##")):
        above -= _are_alike(delimiter, lines[above - 1 : above + 1], escape=escape)
    records = _records(delimiter, lines[above:], escape=escape)
    end, header = next(records, (0, []))
    lengths, before = [], end
    for line, row in records:
        # A quote that is not closed goes on to the end of what is looked at.
        if line < len(lines) - above or (is_all and line == before + 1):
            lengths.append(len(row))
        before = line
        if len(lengths) == _ROWS:
            break
    return _Way(delimiter, above, header, above + end, lengths)


def _are_alike(delimiter: str, lines: Sequence[bytes], *, escape: bool) -> bool:
    """Whether each line has the same number of cells, more than one."""
    lengths = {len(row) for _, row in _records(delimiter, lines, escape=escape)}
    return len(lengths) == 1 and min(lengths) > 1


def _records(
    delimiter: str, lines: Sequence[bytes], *, escape: bool
) -> Iterator[tuple[int, list[str]]]:
    """Records that are not blank, each with the number of lines up to its end."""
    # A byte that is not UTF-8 in a later row is that row's fault, not the header's.
    texts = (line.decode("utf-8", errors="surrogateescape") for line in lines)
    reader = csv.reader(texts, delimiter=delimiter, escapechar="\\" if escape else None)
    for record in reader:
        if record:
            yield reader.line_num, record


def _best(path: str, ways: Sequence[_Way]) -> _Way:
    """The way by which the rows fit the header, of several the one with most columns."""
    several = [way for way in ways if len(way.header) > 1]
    if path.lower().removesuffix(".gz").endswith(".tsv"):
        several = [way for way in several if way.delimiter == "\t"] or several
    # "Weight, kg": a delimiter before a space is one of a text, where there is another way.
    of_texts = [w for w in several if any(name.startswith(" ") for name in w.header[1:])]
    if several and several == of_texts and all({*way.lengths} == {1} for way in several):
        several = []
    fitting = _fitting(several or [way for way in ways if len(way.header) < 2] or ways)
    fitting = [way for way in fitting if way not in of_texts] or fitting
    columns = max(len(way.header) for way in fitting)
    good = [way for way in fitting if len(way.header) == columns]
    if columns > 1 and len(good) > 1 and good[0].lengths and good[0].fitting:
        rule = f"the rows of {path} must fit the header in one way: --delimiter says in which"
        raise Failure(Exit.USAGE, rule, received=f"{[way.delimiter for way in good]} all fit")
    return good[0]


def _fitting(ways: Sequence[_Way]) -> list[_Way]:
    most = max(way.fitting for way in ways)
    return [way for way in ways if way.fitting > most - _ABOUT]


def _check(path: str, way: _Way, lines: Sequence[bytes]) -> None:
    """Raises Failure 2 where the first rows are longer than the header, and where a comment may be
    the header."""
    columns, lengths = len(way.header), way.lengths
    if len(lengths) > 1 and {*lengths} == {columns + 1}:
        rule = f"the rows of {path} must have as many cells as its header. R's row names come"
        rule += " without one (row.names = FALSE leaves them out), and so does a last delimiter"
        raise Failure(Exit.USAGE, rule, received=f"{columns} and {columns + 1} in the first rows")
    above = lines[way.above - 1] if way.above else b""
    if above.startswith(b"#"):
        text = above.decode(errors="replace")
        cells = next(csv.reader([text], delimiter=way.delimiter), [])
        if len(cells) == columns > 1:
            rule = f"the line above the header of {path} begins with # and may be the header:"
            rule += " delete one of the two, or the '# '"
            raise Failure(Exit.USAGE, rule, received=text.strip()[:200])
