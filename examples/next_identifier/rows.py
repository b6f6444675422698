"""Rows from the Python standard library of the machine that this runs on.

    python -m examples.next_identifier.rows --output demo/rows-of-mine --rows all

One row per identifier (a NAME token that is no keyword): what comes before it, and what follows.
A row of `email/message.py`, at `self._headers.append(...)`:

    tokens           [")", ":", "<newline>", "<indent>", "<string>", "<newline>", "self", ".", ...]
    package          "email"            the folder that the file is in
    module           "email.message"    the file
    line, column     204, 14            where the identifier starts
    depth            2                  open brackets and indentations around it
    identifier       "append"           to predict
    next_kind        "("                to predict: the kind of the token after it
    line_ends        false              to predict: no further token, comments aside, in this line
    characters_left  7                  to predict: characters of the line after the identifier

A few whole modules, chosen by a hash of their names, are held out of everything: their rows go to
`new/`, those of all the others to `rows/`. Fewer rows than all are drawn from all modules: many
modules with gaps teach more than few without. Nothing is downloaded and nothing is executed.
"""

import argparse
import hashlib
import io
import keyword
import math
import multiprocessing
import os
import random
import shutil
import sysconfig
import token as kinds
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.failures import Exit, Failure, main

CONTEXT = 10
NEW_SHARE, NEW_AT_MOST = 0.02, 20_000
ROWS_PER_FILE = 100_000
PROCESSES = 2
INSTALLED = {"site-packages", "dist-packages"}
UNREADABLE = (SyntaxError, tokenize.TokenError, UnicodeDecodeError)

SCHEMA = pa.schema(
    [
        ("tokens", pa.list_(pa.string())),
        ("package", pa.string()),
        ("module", pa.string()),
        ("line", pa.int32()),
        ("column", pa.int32()),
        ("depth", pa.int32()),
        ("identifier", pa.string()),
        ("next_kind", pa.string()),
        ("line_ends", pa.bool_()),
        ("characters_left", pa.int32()),
    ]
)

# Strings and most numbers are as good as unique: a mark for all of them says more than an unknown.
_MARKS = {
    "NEWLINE": "<newline>",
    "INDENT": "<indent>",
    "DEDENT": "<dedent>",
    "STRING": "<string>",
    # Since Python 3.12 an f-string comes in parts.
    "FSTRING_START": "<f-string>",
    "FSTRING_MIDDLE": "<string>",
    "FSTRING_END": "</f-string>",
}
_LEFT_OUT = {"COMMENT", "NL", "ENCODING", "ENDMARKER", "TYPE_COMMENT"}
_EXACT_KINDS = {*"()[]}.,:=+-*/%|&<>", "+=", "-=", "==", "!=", "<=", ">="}
_KINDS = {"NUMBER": "number", "STRING": "string", "FSTRING_START": "string", "NEWLINE": "newline"}


@dataclass(frozen=True)
class Module:
    """A source file, and its dotted name."""

    path: Path
    name: str
    package: str


@dataclass(frozen=True)
class Made:
    """What was written, and how many files were not valid Python."""

    rows: pa.Table
    new: pa.Table
    unreadable: int

    def __str__(self) -> str:
        both = pa.concat_tables([self.rows, self.new])
        modules, identifiers = (len(both[name].unique()) for name in ("module", "identifier"))
        return (
            f"{self.rows.num_rows:,} rows and {self.new.num_rows:,} new ones of {modules:,} "
            f"modules with {identifiers:,} different identifiers; "
            f"{self.unreadable} files that do not parse left out"
        )


def run(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.next_identifier.rows")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--rows", default="all", help="how many, or all (the default)")
    parser.add_argument("--seed", type=int, default=1, help="another seed draws other rows")
    options = parser.parse_args(argv)
    print(f"{options.output}: {make(options.output, wanted_rows(options.rows), options.seed)}")


def wanted_rows(text: str) -> int | None:
    """
    >>> wanted_rows("all"), wanted_rows("300000")
    (None, 300000)
    """
    if text == "all":
        return None
    if not text.isdecimal() or int(text) == 0:
        raise Failure(Exit.USAGE, "the number of rows must be positive, or all", received=text)
    return int(text)


def make(output: Path, rows: int | None, seed: int, *, root: Path | None = None) -> Made:
    """Writes `output`/rows and `output`/new, both whole or not at all; `rows` None means all."""
    root = root or Path(sysconfig.get_path("stdlib"))
    if (output / "rows").exists():
        raise Failure(Exit.OCCUPIED, "there must be no rows yet", received=output / "rows")
    read = _read(shuffled(modules_of(root), seed))
    found = [batch for batch in read if batch is not None and batch.num_rows]
    held_out = math.ceil(len(found) * NEW_SHARE)
    if held_out >= len(found):
        rule = "the standard library must be there as source files, more than one of them"
        raise Failure(Exit.ENVIRONMENT, rule, received=root)
    wanted_new = NEW_AT_MOST if rows is None else max(1, round(rows * NEW_SHARE))
    new = drawn(pa.Table.from_batches(found[:held_out]), min(NEW_AT_MOST, wanted_new), seed)
    kept = drawn(pa.Table.from_batches(found[held_out:]), rows, seed)
    for name, table in (("new", new), ("rows", kept)):  # `rows` last: where it is, all is there
        write(output / name, table)
    return Made(kept, new, unreadable=sum(batch is None for batch in read))


def _read(modules: Sequence[Module]) -> list[pa.RecordBatch | None]:
    with multiprocessing.get_context("spawn").Pool(min(PROCESSES, os.cpu_count() or 1)) as pool:
        return list(pool.imap(rows_of_module, modules, chunksize=8))


def modules_of(root: Path) -> list[Module]:
    """Every module below `root`, without what was installed there later."""
    paths = (path.relative_to(root) for path in root.rglob("*.py"))
    own = (path for path in paths if INSTALLED.isdisjoint(path.parts))
    return [Module(root / path, module_name(path), package(path)) for path in own]


def module_name(path: Path) -> str:
    """
    >>> module_name(Path("email/message.py")), module_name(Path("email/__init__.py"))
    ('email.message', 'email')
    """
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def package(path: Path) -> str:
    """The package that a file belongs to.

    The module itself would make no useful id: the split is by module, so that every module of
    the eval split would be unknown. Most packages have modules on both sides.

    >>> package(Path("test/test_email/test_utils.py")), package(Path("argparse.py"))
    ('test.test_email', '<top level>')
    """
    return ".".join(path.parts[:-1]) or "<top level>"


def shuffled(modules: Iterable[Module], seed: int) -> list[Module]:
    """The modules in an order that depends on their names and the seed only."""

    def place(module: Module) -> bytes:
        return hashlib.blake2b(f"{seed}:{module.name}".encode(), digest_size=16).digest()

    return sorted(modules, key=place)


def rows_of_module(module: Module) -> pa.RecordBatch | None:
    """The rows of one file, or None where it is not valid Python."""
    try:
        with tokenize.open(module.path) as file:
            return rows_of_source(file.read(), module.name, module.package)
    except UNREADABLE:
        return None


def rows_of_source(source: str, module: str, package: str) -> pa.RecordBatch:
    """One row for each identifier in `source`, in order. Raises one of UNREADABLE."""
    lines = source.split("\n")
    tokens = [
        t
        for t in tokenize.generate_tokens(io.StringIO(source).readline)
        if kinds.tok_name[t.type] not in _LEFT_OUT
    ]
    texts = [token_text(t) for t in tokens]
    depths = list(_depths(tokens))
    places = [i for i, t in enumerate(tokens) if is_identifier(t)]
    followers = [tokens[i + 1] if i + 1 < len(tokens) else None for i in places]
    found = [tokens[i] for i in places]
    columns = {
        "tokens": [texts[max(0, i - CONTEXT) : i] for i in places],
        "package": [package] * len(places),
        "module": [module] * len(places),
        "line": [t.start[0] for t in found],
        "column": [t.start[1] for t in found],
        "depth": [depths[i] for i in places],
        "identifier": [t.string for t in found],
        "next_kind": [kind(f) if f else None for f in followers],
        "line_ends": [_line_ends(t, f) for t, f in zip(found, followers, strict=True)],
        "characters_left": [len(lines[t.end[0] - 1].rstrip()) - t.end[1] for t in found],
    }
    return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)


def is_identifier(token: tokenize.TokenInfo) -> bool:
    """Words that are keywords in some places only (match, case, type, _) are identifiers here."""
    return token.type == kinds.NAME and not keyword.iskeyword(token.string)


def token_text(token: tokenize.TokenInfo) -> str:
    if token.type == kinds.NUMBER:
        return token.string if len(token.string) <= 2 else "<number>"
    return _MARKS.get(kinds.tok_name[token.type], token.string)


def kind(token: tokenize.TokenInfo) -> str:
    """The kind of a token: one of 30, the frequent operators each their own."""
    if token.type == kinds.NAME:
        return "keyword" if keyword.iskeyword(token.string) else "name"
    if token.string in _EXACT_KINDS:
        return token.string
    return _KINDS.get(kinds.tok_name[token.type], "operator")


def _depths(tokens: Iterable[tokenize.TokenInfo]) -> Iterator[int]:
    """The number of open brackets and indentations before each token."""
    depth = 0
    for token in tokens:
        yield depth
        opens = token.type == kinds.INDENT or (token.type == kinds.OP and token.string in "([{")
        closes = token.type == kinds.DEDENT or (token.type == kinds.OP and token.string in ")]}")
        depth += opens - closes


def _line_ends(token: tokenize.TokenInfo, follower: tokenize.TokenInfo | None) -> bool:
    return follower is None or follower.type == kinds.NEWLINE or follower.start[0] > token.end[0]


def drawn(table: pa.Table, wanted: int | None, seed: int) -> pa.Table:
    """`wanted` rows of `table` in their order, or all where there are no more."""
    if wanted is None or wanted >= table.num_rows:
        return table
    return table.take(sorted(random.Random(seed).sample(range(table.num_rows), wanted)))


def write(folder: Path, table: pa.Table) -> None:
    """Writes the table as one Parquet file or several; the folder appears when all are there."""
    making = folder.with_name(f".making-{folder.name}")
    for old in (making, folder):
        shutil.rmtree(old, ignore_errors=True)
    making.mkdir(parents=True)
    for part, start in enumerate(range(0, table.num_rows, ROWS_PER_FILE)):
        path = making / f"part-{part:05}.parquet"
        pq.write_table(table.slice(start, ROWS_PER_FILE), path, compression="zstd")
    making.rename(folder)


if __name__ == "__main__":
    main(run)
