"""What prepare does with a head over a vocabulary."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from kinds.analysis import Analysis
from kinds.columns import Field
from kinds.heads.labels.spec import LabelsPart
from kinds.prepare import share


def analysis(part: LabelsPart, field: Field) -> Analysis:
    return Analysis(field, empty_is_value=True, vocabulary=part.vocabulary)


def feature_names(name: str, part: LabelsPart) -> list[str]:
    return [name]


def statistics(part: LabelsPart, sides: Mapping[str, Counter[str]]) -> dict[str, dict[str, Any]]:
    return {"heads": {side: _shares(counts) for side, counts in sides.items()}}


def _shares(counts: Counter[str]) -> dict[str, float]:
    return {
        "targets": counts["rows"] - counts["missing"],
        "missing": share(counts, "missing", "rows"),
        "out_of_vocabulary": share(counts, "out_of_vocabulary", "labels"),
    }
