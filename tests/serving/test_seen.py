"""Counts of memories, read from what a file has of them: those that were counted."""

import numpy as np
import pytest

from kinds.memory.label_counts import LabelCounts, of_pairs
from kinds.memory.mixture import NO_LABEL, table_shares, table_signs
from serving.explanation.memories import Memory, SeenTable


def counted(*, most: int = 8) -> LabelCounts:
    """40 values with up to 12 labels, counts from 1 to some 3,000."""
    draw = np.random.default_rng(4)
    pairs = [(value, label) for value in range(40) for label in range(1 + value % 12)]
    keys, labels = np.array(pairs).T
    rows = np.ceil(np.exp(draw.uniform(0, 8, len(pairs)))).astype(np.int64)
    return of_pairs(keys, labels, rows.astype(float), rows, most=most)


def in_file(counts: LabelCounts, discount: float, *, several: bool = False) -> SeenTable:
    """As kinds.memory.onnx writes them."""
    shares = table_shares(counts, discount, several=several)
    return SeenTable(
        table_signs(counts, discount, several=several).astype(np.float32),
        counts.offsets,
        np.append(np.diff(counts.offsets), 0),
        np.append(counts.labels, NO_LABEL),
        np.append(shares, 0.0).astype(np.float32),
        several,
        exact=True,
    )


@pytest.mark.parametrize("discount", [0.01, 0.3, 0.5, 0.97])
@pytest.mark.parametrize("most", [3, 12])
@pytest.mark.parametrize("several", [False, True])
def test_whole_counts_come_back(discount: float, most: int, several: bool) -> None:
    counts = counted(most=most)
    value = np.repeat(np.arange(len(counts.keys)), np.diff(counts.offsets))
    found = in_file(counts, discount, several=several)
    rows, hits = found.seen(value, counts.labels)
    assert np.rint(rows).tolist() == counts.totals[value].tolist()
    assert np.rint(hits).tolist() == counts.weights.tolist()


def test_a_sentence_says_value_and_answer() -> None:
    counts = of_pairs(
        np.array([5, 5, 5, 6, 7]), np.array([0, 1, 2, 0, 1]), np.array([9.0, 4, 1, 1, 2]),
        np.array([9, 4, 1, 1, 2]), most=2,
    )  # fmt: skip
    memory = Memory("by_maker", ("maker",), "", in_file(counts, 0.4))
    places, answers = np.array([0, 0, 1, 1, 2, 2, 3]), np.array([0, 2, 0, 1, 1, 0, 0])
    assert memory.sentences(places, answers).tolist() == [
        "seen 14 times with this maker, 9 of them this answer",
        "seen 14 times with this maker, hardly any of them this answer",
        "seen once with this maker, with this answer",
        "seen once with this maker, with another answer",
        "seen 2 times with this maker, 2 of them this answer",
        "seen 2 times with this maker, none of them this answer",
        "never seen with this maker",
    ]
    everything = Memory("all_rows", (), "", in_file(counts, 0.4))
    assert everything.sentences(places[:1], answers[:1]).tolist() == [
        "14 training rows, 9 of them this answer"
    ]
