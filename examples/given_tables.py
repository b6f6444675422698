"""A CSV file that somebody gives an example: is it there, and has it the columns that are read?"""

from collections.abc import Sequence
from pathlib import Path

from pipeline.failures import Exit, Failure


def check_columns(path: Path, option: str, read: Sequence[str]) -> None:
    """Raises Failure 2, which names the option."""
    if not path.is_file():
        raise Failure(Exit.USAGE, f"{option} must be a file", received=path)
    with path.open(encoding="utf-8") as file:
        header = file.readline().strip().split(",")
    if missing := sorted(set(read) - set(header)):
        raise Failure(Exit.USAGE, f"{path.name} must have the columns {missing}", received=header)
