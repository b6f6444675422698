"""Standard input and output as files: `-` on the command line, with `--format` for the suffix.

Input is spooled to a file first, so that its header can be checked before any work, as that of
any other file. Output is given when all of it is there: a pipe never gets half a result.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.failures import Exit, Failure
from pipeline.storage.full_disk import full_disk_explained

STREAM = "-"
FORMATS = ("csv", "jsonl", "parquet", "arrow")


@contextmanager
def given(patterns: Sequence[str], form: str | None) -> Iterator[list[str]]:
    """The patterns; instead of `-` a file that holds what standard input gives."""
    if STREAM not in patterns:
        yield list(patterns)
        return
    if len(patterns) > 1:
        raise Failure(Exit.USAGE, "standard input is the only input or none", received=patterns)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f".standard_input.{_checked(form)}"
        with full_disk_explained(path.with_name("standard_input")), path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield [str(path)]


@contextmanager
def taken(output: str, form: str | None) -> Iterator[Path]:
    """The output's path; for `-` one in a folder of its own, copied to standard output at the end.

    What else is in that folder by then, the rejects and metrics, goes to standard error.
    """
    if output != STREAM:
        yield Path(output)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"scores.{_checked(form)}"
        yield path
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        for beside in sorted(Path(folder).glob(f"{path.name}.*")):
            sys.stderr.write(beside.read_text(encoding="utf-8"))


def _checked(form: str | None) -> str:
    if form is None:
        rule = f"standard input and output need --format, one of {', '.join(FORMATS)}"
        raise Failure(Exit.USAGE, rule)
    return form
