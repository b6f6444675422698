"""What prepare found, as lines for a person: every row, what was cut off, what looks wrong."""

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.sides import SIDES

FILES_SHOWN = 20


def summary(said: dict[str, Any]) -> Iterator[str]:
    """Lines about the content of statistics.json."""
    total = said["rows"]
    sides = ", ".join(f"{total[side]:,} {side}" for side in SIDES)
    yield f"rows: {total['read']:,} read = {sides} + {total['rejected']:,} rejected"
    yield from _files(said["files"])
    for why, count in said["rejected_by_column"].items():
        yield f"  rejected, {why}: {count:,}"
    for name, entries in said["vocabularies"].items():
        yield f"vocabulary {name}: {cut_off(entries)}"
    for name, shares in [*said["inputs"].items(), *said["heads"].items()]:
        if known := [f"{k:.1%} of {side}" for side, k in _covered(shares) if total[side]]:
            yield f"  {name} is covered in {', '.join(known)}"
    yield from warned(said["warnings"])


def warned(warnings: Sequence[dict[str, str]]) -> Iterator[str]:
    for warning in warnings:
        yield f"warning: {warning['anomaly']} of {warning['of']}: {warning['said']}"


def _files(files: dict[str, dict[str, int]]) -> Iterator[str]:
    for path, rows in list(files.items())[:FILES_SHOWN]:
        parts = f"{rows['written']:,} written + {rows['rejected']:,} rejected"
        yield f"  {path}: {rows['read']:,} read = {parts}"
    if len(files) > FILES_SHOWN:
        yield f"  and {len(files) - FILES_SHOWN:,} files more, all of them in statistics.json"


def _covered(shares: dict[str, dict[str, float]]) -> Iterator[tuple[str, float]]:
    for side, share in shares.items():
        if "out_of_vocabulary" in share:
            yield side, 1 - share["out_of_vocabulary"]


def cut_off(entries: dict[str, int]) -> str:
    """How many values a vocabulary has, and why others are not in it.

    >>> cut_off({"entries": 9, "below_min_count": 1000})
    '9 entries; 1,000 values too rare'
    """
    reasons = {
        "below_min_count": "values too rare",
        "beyond_size": "values beyond its size",
        "counts_low_by_at_most": "is the most by which a count may be low",
    }
    cut = [f"{entries[key]:,} {why}" for key, why in reasons.items() if entries.get(key)]
    return "; ".join([f"{entries['entries']:,} entries", *cut])
