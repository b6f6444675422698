"""Questions of prepare to each kind of input and of head, and what their answers are made of.

The answers are in `kinds.inputs.prepare` and `kinds.heads.prepare`. Numpy and pyarrow only.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.analysis import Analysis
from kinds.columns import Field, Reading
from kinds.inputs.keys import Key

# A name and a sentence.
Anomaly = tuple[str, str]
Which = npt.NDArray[np.bool_]
_ZERO, _ONE = np.float32(0), np.float32(1)


def _no_values() -> pa.Array:
    return pa.array([], pa.string())


def _no_codes() -> npt.NDArray[np.int64]:
    return np.zeros(0, np.int64)


def _no_boundaries() -> npt.NDArray[np.float32]:
    return np.zeros(0, np.float32)


@dataclass(frozen=True)
class Known:
    """What was learned of an input or a head: the values of its vocabulary in the order of their
    ids and how cells are read for it, the mean and the deviation of its numbers (of each number of
    a vector), the boundaries between its buckets.

    Of an input that pairs ids, `keys` has these, `codes` the pairs in the order of their ids
    (kinds.inputs.pairs.codes)."""

    values: pa.Array = field(default_factory=_no_values)
    mean: np.float32 | npt.NDArray[np.float32] = _ZERO
    std: np.float32 | npt.NDArray[np.float32] = _ONE
    boundaries: npt.NDArray[np.float32] = field(default_factory=_no_boundaries)
    reading: Reading = "words"
    keys: tuple[Key, ...] = ()
    codes: npt.NDArray[np.int64] = field(default_factory=_no_codes)

    def ids(self, texts: pa.Array) -> pa.Array:
        """int64: the place of each text among the values; their number for any other, and null."""
        found = pc.index_in(texts, self.values)
        return pc.fill_null(found, len(self.values)).cast(pa.int64())


@dataclass(frozen=True)
class Findings:
    """What prepare found about an input or a head.

    `said` has its entries of the statistics by section; `is_constant` is whether all its numbers
    in training are the same. `entries` says how often each value of its vocabulary occurs, for a
    head as its label. `is_alone` is whether nothing else uses that vocabulary; `distinct` is the
    number of its texts, which is counted beyond a hundred only where `is_alone`.
    """

    said: Mapping[str, Any]
    is_constant: bool = False
    distinct: int = 0
    entries: tuple[int, ...] = ()
    is_alone: bool = False


class Prepare(Protocol):
    """What prepare asks each kind. `part` are the settings."""

    def field(self, part: Any, column: str) -> Field:
        """The type that a column of the rows becomes, asked for each of them."""

    def analysis(self, part: Any, field: Field) -> Analysis:
        """What is to be learned from the (first) typed column of the training rows."""

    def features(self, name: str, part: Any, column: Any, known: Known) -> dict[str, pa.Array]:
        """The typed column of a batch as features: list<int64> or list<float> by name.

        An input that reads several columns has a tuple of them, one that reads none the features
        of the inputs that do, by name.
        """

    def feature_names(self, name: str, part: Any) -> list[str]:
        """The features that are written to examples; where one is called `name`, it is the
        first."""

    def unknown(self, name: str, part: Any, features: pa.RecordBatch, size: int) -> Which:
        """Which rows of a batch of features have a value that its vocabulary does not hold."""

    def counts(self, name: str, part: Any, features: pa.RecordBatch, size: int) -> dict[str, int]:
        """What is counted in the features of a batch; `size` is the vocabulary's, 0 without one."""

    def statistics(self, part: Any, sides: Mapping[str, Counter[str]]) -> dict[str, dict[str, Any]]:
        """Its entries of the statistics by section, made of the counts of each side."""

    def anomalies(self, part: Any, found: Findings) -> Iterator[Anomaly]:
        """What looks wrong though every row is good."""


def none_unknown(features: pa.RecordBatch) -> Which:
    """For what has no vocabulary."""
    return np.zeros(features.num_rows, bool)


def flat(features: pa.RecordBatch, name: str) -> npt.NDArray[Any]:
    """The values of a feature, row after row."""
    return features.column(name).flatten().to_numpy(zero_copy_only=False)


def share(counts: Counter[str], some: str, whole: str) -> float:
    """
    >>> share(Counter(missing=1, rows=4), "missing", "rows")
    0.25
    """
    return counts[some] / counts[whole] if counts[whole] else 0.0
