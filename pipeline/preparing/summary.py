"""What prepare found, as lines for a person: every row, what was cut off, what looks wrong."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kinds.charts import counted
from kinds.memory import show as memory
from pipeline.folders.prepared import STATISTICS, Statistics
from pipeline.sides import SIDES

FILES_SHOWN = 20
VOCABULARIES_SHOWN = 12
MEMORIES_SHOWN = 8


def summary(said: Statistics) -> Iterator[str]:
    total = said.rows
    sides = ", ".join(f"{total[side]:,} {side}" for side in SIDES)
    yield f"rows: {total['read']:,} read = {sides} + {total['rejected']:,} rejected"
    for side, (first, last) in said.times.items():
        yield f"  {side}: from {first} to {last}"
    yield from _files(said.files)
    for why, count in said.rejected_by_column.items():
        yield f"  rejected, {why}: {count:,}"
    yield from _vocabularies(said)
    for name, labels in said.labels.items():
        yield f"labels {name}: {labels_line(labels)}"
    yield from _memories(said.memory)
    for name, one in (said.vectors or {}).items():
        yield f"table {name} starts with vectors: {started(one)}"
    for name, one in (said.label_features or {}).items():
        yield f"labels of {name}: {label_features_line(one)}"
    for column, types in said.types.items():
        rows = ", ".join(f"{kind} in {count:,} rows" for kind, count in types.items())
        yield f"column {column} has several types: {rows}"
    yield from warned(said.warnings)


def _vocabularies(said: Statistics) -> Iterator[str]:
    """How many values there are, and how many of those that occur they cover, if not all."""
    own = list(said.vocabularies.items())
    for name, entries in own[:VOCABULARIES_SHOWN]:
        yield f"vocabulary {name}: {cut_off(entries)}"
    if len(own) > VOCABULARIES_SHOWN:
        yield f"  and {len(own) - VOCABULARIES_SHOWN:,} more, all of them in {STATISTICS}"
    for name, shares in [*said.inputs.items(), *said.heads.items()]:
        covered = [(side, share) for side, share in _covered(shares) if said.rows[side]]
        if any(share < 1 for _, share in covered):
            known = ", ".join(f"{share:.1%} of {side}" for side, share in covered)
            yield f"  {name} is covered in {known}"


def _memories(said: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    own = [(name, head, one) for name, heads in said.items() for head, one in heads.items()]
    for name, head, one in own[:MEMORIES_SHOWN]:
        yield f"memory {name} of {head}: {memory.cut_off(one)}"
        yield f"  it knows the value in {memory.known(one)}"
    if len(own) > MEMORIES_SHOWN:
        yield f"  and {len(own) - MEMORIES_SHOWN:,} memories more, all of them in {STATISTICS}"


def warned(warnings: Sequence[Mapping[str, str]]) -> Iterator[str]:
    # The heads of one memory have the same.
    yield from dict.fromkeys(
        f"warning: {warning['anomaly']} of {warning['of']}: {warning['said']}"
        for warning in warnings
    )


def started(said: Mapping[str, Any]) -> str:
    """How much of a table starts with vectors that exist.

    >>> started({"values": 9, "found": 6, "occurrences": 0.875})
    '6 of 9 values have one, 87.5% of what occurs in train'
    """
    share = f"{said['occurrences']:.1%} of what occurs in train"
    return f"{said['found']:,} of {said['values']:,} values have one, {share}"


def labels_line(labels: Mapping[str, int]) -> str:
    """How often the values of a head's vocabulary are its labels in train.

    >>> labels_line({"entries": 9, "never": 2, "once": 1, "times": 1000})
    '7 of 9 values, 1,000 times; 1 of them once'
    """
    there = labels["entries"] - labels["never"]
    once = f"; {labels['once']:,} of them once" if labels["once"] else ""
    return f"{there:,} of {labels['entries']:,} values, {labels['times']:,} times{once}"


def _files(files: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    for path, rows in list(files.items())[:FILES_SHOWN]:
        parts = f"{rows['written']:,} written + {rows['rejected']:,} rejected"
        yield f"  {path}: {rows['read']:,} read = {parts}"
    if len(files) > FILES_SHOWN:
        more = counted(len(files) - FILES_SHOWN, "file")
        yield f"  and {more} more, all of them in {STATISTICS}"


def _covered(shares: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, float]]:
    for side, share in shares.items():
        if "out_of_vocabulary" in share:
            yield side, 1 - share["out_of_vocabulary"]


def cut_off(entries: Mapping[str, Any]) -> str:
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
    if read := entries.get("reread"):
        cut.append(f"{counted(read[0], 'cell')} such as {read[1]} read as {read[2]}")
    return "; ".join([counted(entries["entries"], "entry"), *cut])


def label_features_line(said: Mapping[str, Any]) -> str:
    """What is known of the labels of a vocabulary.

    >>> label_features_line({"labels": 9, "found": 8, "new": 2, "values": {"genre": 40}})
    '8 of 9 have a row in the file, 2 of 9 are in no training row; values: genre 40'
    """
    values = ", ".join(f"{name} {count:,}" for name, count in said["values"].items())
    rows = f"{said['found']:,} of {said['labels']:,} have a row in the file"
    new = f"{said['new']:,} of {said['labels']:,} are in no training row"
    return f"{rows}, {new}; values: {values}"
