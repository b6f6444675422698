"""The values that labels have in columns of their own, as numbers. NumPy only."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class FeatureRows:
    """For each label which values it has, and how much of its vector each of them is.

    The values of label i are `values` [starts[i]:starts[i + 1]], places in `names`, with `weights`
    at the same places: those of one column add up to 1. `learned` [labels] says which labels
    training rows have. `names` are (column, value).
    """

    starts: npt.NDArray[np.int64]
    values: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    learned: npt.NDArray[np.bool_]
    names: Sequence[tuple[str, str]]

    @property
    def owners(self) -> npt.NDArray[np.int64]:
        """The label of each of the values."""
        return np.repeat(np.arange(len(self.learned)), np.diff(self.starts))

    def take(self, labels: npt.NDArray[np.int64]) -> "FeatureRows":
        """Of some labels, in their order."""
        lengths = np.diff(self.starts)[labels]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        at = np.repeat(self.starts[labels] - starts[:-1], lengths) + np.arange(starts[-1])
        return FeatureRows(
            starts, self.values[at], self.weights[at], self.learned[labels], self.names
        )

    def followed_by(self, others: int) -> "FeatureRows":
        """With so many learned outputs more, which have no values."""
        starts = np.pad(self.starts, (0, others), mode="edge")
        learned = np.append(self.learned, np.ones(others, bool))
        return FeatureRows(starts, self.values, self.weights, learned, self.names)

    def by_column(self) -> list["FeatureRows"]:
        """The values of each column by themselves, of those columns that have any."""
        columns = np.array([column for column, _ in self.names])
        found = []
        for column in dict.fromkeys(columns.tolist()):
            own = columns[self.values] == column
            starts = np.concatenate([[0], np.cumsum(own)])[self.starts]
            of_column = self.values[own], self.weights[own], self.learned, self.names
            found.append(FeatureRows(starts, *of_column))
        return found

    def padded(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Values and weights [labels, most that one has], filled up with weights of 0."""
        lengths = np.diff(self.starts)
        shape = len(lengths), max(1, int(lengths.max(initial=0)))
        owners = self.owners
        at = np.arange(len(owners)) - self.starts[owners]
        values, weights = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
        values[owners, at], weights[owners, at] = self.values, self.weights
        return values, weights

    def arrays(self) -> dict[str, Any]:
        """As they are kept in a file."""
        own = {one.name: getattr(self, one.name) for one in fields(self)}
        return own | {"names": packed(self.names)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any]) -> "FeatureRows":
        return cls(**arrays | {"names": unpacked(arrays["names"])})


def packed(names: Sequence[tuple[str, str]]) -> npt.NDArray[np.uint8]:
    """As an array, so that they are in one file with others.

    >>> unpacked(packed([("genre", "a, b")]))
    [('genre', 'a, b')]
    """
    return np.frombuffer(json.dumps(list(names)).encode(), np.uint8)


def unpacked(names: npt.NDArray[np.uint8]) -> list[tuple[str, str]]:
    return [(column, value) for column, value in json.loads(names.tobytes())]
