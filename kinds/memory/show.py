"""Memories as people see them: what each holds, and how often it knows a row's value."""

from collections.abc import Iterator, Mapping
from typing import Any

from kinds.charts import percent, size

HEADER = ("memory", "counts by", "for", "values", "labels of them", "in the file", "knows")


def rows(
    of: Mapping[str, tuple[str, ...]], said: Mapping[str, Mapping[str, Any]]
) -> Iterator[list[str]]:
    """A row for each memory and head, under HEADER. `of` are the inputs of each memory, `said` is
    what the statistics say."""
    for name, heads in said.items():
        for head, one in heads.items():
            # Of a number there are no labels.
            held = [f"{one[what]:,}" if what in one else "-" for what in ("values", "pairs")]
            yield [
                name,
                " and ".join(of[name]) or "all rows",
                head,
                *held,
                size(one["bytes"]),
                known(one),
            ]


def known(one: Mapping[str, Any]) -> str:
    """
    >>> known({"known": {"train": 0.8211, "eval": 0.826}})
    '82.1 % of train, 82.6 % of eval'
    """
    return ", ".join(f"{percent(share)} of {side}" for side, share in one["known"].items())


def cut_off(one: Mapping[str, Any]) -> str:
    """What a memory holds of a head, and why no more.

    >>> said = {"values": 1200, "pairs": 3000, "below_min_count": 0, "beyond_labels": 20}
    >>> cut_off(said)
    '1,200 values with 3,000 labels; 20 labels beyond `labels`'
    >>> cut_off({"values": 1200, "rows_forgotten_at_most": 0})
    '1,200 values'
    """
    reasons = {
        "below_min_count": "values too rare",
        "beyond_labels": "labels beyond `labels`",
        "weights_low_by_at_most": "is the most by which a count may be low",
        "rows_forgotten_at_most": "rows at most are forgotten",
        "totals_low_by_at_most": "is the most by which the count of a value may be low",
    }
    cut = [f"{one[what]:,.10g} {why}" for what, why in reasons.items() if one.get(what)]
    labels = f" with {one['pairs']:,} labels" if "pairs" in one else ""
    return "; ".join([f"{one['values']:,} values{labels}", *cut])
