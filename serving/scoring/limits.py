"""Options that say which labels may come back, and the files of labels that they name."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kinds.heads.score import FileHead
from pipeline.failures import Exit, Failure
from serving.model_file.candidates import Limit, only_head

# The part of a limit that each option fills once.
_FIELDS = {"exclude": "exclude_column", "only_column": "only_column", "only": "only_labels"}


def add_limits(made: argparse.ArgumentParser) -> None:
    """The options; each may be given once for each head, as HEAD=..."""
    group = made.add_argument_group("which labels may come back")
    options = {
        "exclude": ("COL", "none of those in this column of lists"),
        "exclude-file": ("FILE", "none of those in this file, one a line"),
        "only": ("FILE", "none but those in this file, one a line"),
        "only-column": ("COL", "none but those in this column of lists"),
    }
    for name, (value, said) in options.items():
        group.add_argument(f"--{name}", action="append", metavar=value, default=[], help=said)


def limits_from(options: argparse.Namespace, heads: Sequence[FileHead]) -> dict[str, Limit]:
    """What the options ask of each head. Raises Failure 2 for two wishes where one is taken."""
    found: dict[str, Limit] = {}
    for option in ("exclude", "only_column", "exclude_file", "only"):
        for said in getattr(options, option):
            name, value = _head_and_value(said, f"--{option.replace('_', '-')}", heads)
            limit = found.get(name, Limit())
            found[name] = _with(limit, option, value)
    return found


def _head_and_value(said: str, option: str, heads: Sequence[FileHead]) -> tuple[str, str]:
    for head in heads:
        if head.entries is not None and said.startswith(f"{head.name}="):
            return head.name, said[len(head.name) + 1 :]
    return only_head(heads, f"{option} {said[:40]}"), said


def _with(limit: Limit, option: str, value: str) -> Limit:
    if option == "exclude_file":
        return replace(limit, exclude_labels=[*limit.exclude_labels, *_labels(value)])
    field = _FIELDS[option]
    if getattr(limit, field) is not None:
        rule = f"--{option.replace('_', '-')} takes one for each head"
        raise Failure(Exit.USAGE, rule, received=value)
    wished: Any = _labels(value) if option == "only" else value
    return replace(limit, **{field: wished})


def _labels(path: str) -> list[str]:
    """The lines of a file, each a label."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        rule = "a list of labels must be a file of text in UTF-8, a label a line"
        raise Failure(Exit.USAGE, rule, received=f"{path}: {type(error).__name__}") from None
    return [label for line in lines if (label := line.rstrip("\r"))]
