"""A classification, shown: where it is right by how frequent a label is, and what it confuses."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.charts import Axis, Bars, Chart, Figure, Series, Table, percent
from kinds.heads.classification.looks import could_be as could_be
from kinds.heads.guesses import Guess, Scored
from kinds.heads.labels.show import answer as answer
from kinds.heads.labels.show import calibrated, slices
from kinds.heads.labels.show import mistakes_title as mistakes_title
from kinds.heads.labels.show import script as script
from kinds.heads.labels.show import task as task

if TYPE_CHECKING:
    from kinds.heads.classification.spec import Classification
    from kinds.heads.score import FileHead

DECADES = (0, 1, 10, 100, 1_000, 10_000, 100_000)
PAIRS = 10
# The share that is right among fewer answers says nothing.
FEWEST_ANSWERED, ANSWERED_POINTS = 20, 60


def guesses(head: "FileHead", targets: pa.Array, outputs: Sequence[pa.Array]) -> Iterator[Guess]:
    labels, scores = (output.to_pylist() for output in outputs)
    for row, target in enumerate(targets.to_pylist()):
        if target:
            answers = tuple(zip(labels[row], scores[row], strict=True))
            right = bool(answers) and answers[0][0] == target
            yield Guess(row, (target,), answers, right, scores[row][0])


def figures(scored: Scored) -> Iterator[Figure]:
    yield from calibrated(scored.head.name, scored.guesses)
    yield from answered_chart(scored.head.name, scored.guesses)
    yield frequency_bars(scored)
    if pairs := confused_pairs(scored.guesses, scored.counts):
        yield Table(f"{scored.head.name}: most confused", ("was", "predicted", "rows"), pairs)


def frequency_bars(scored: Scored) -> Bars:
    """Accuracy by the decade of the label's count in train."""
    groups: dict[int | None, list[Guess]] = {}
    for guess in scored.guesses:
        groups.setdefault(_decade(scored.counts.get(guess.target)), []).append(guess)
    rows = []
    for least in sorted(groups, key=lambda least: (least is None, least)):
        own = groups[least]
        first = float(np.mean([guess.right for guess in own]))
        within = float(np.mean([guess.target in dict(guess.answers) for guess in own]))
        rows.append((_words(least), within, (percent(within), percent(first), f"{len(own):,}")))
    most = max((len(guess.answers) for guess in scored.guesses), default=0)
    header = ("label in train", f"among {most}", "first", "rows")
    return Bars(f"{scored.head.name}: accuracy by frequency of the label", header, rows)


def answered_chart(head: str, guesses: Sequence[Guess]) -> Iterator[Chart]:
    """How often the surest answers are right, by how many rows are answered (`--min-score`)."""
    order = sorted(guesses, key=lambda guess: -guess.sure)
    if len(order) < FEWEST_ANSWERED:
        return
    right = np.cumsum([guess.right for guess in order])
    ends = np.unique(np.linspace(FEWEST_ANSWERED, len(order), ANSWERED_POINTS).round().astype(int))
    points = [(end / len(order), float(right[end - 1] / end)) for end in ends]
    half = len(order) // 2
    sure, share = percent(order[half - 1].sure), percent(right[half - 1] / half)
    note = f"the surer half of the rows has a score of {sure} and more, and {share} of it are right"
    x, y = Axis("rows answered", 0, 1, percent=True), Axis("of these right", 0, 1, percent=True)
    yield Chart(
        f"{head}: right answers, the surest first", x, y, [Series("rows", points)], note=note
    )


def _words(least: int | None) -> str:
    """
    >>> _words(10), _words(0), _words(None)
    ('10 to 99 times', 'never', 'not in the vocabulary')
    """
    if not least:
        return "not in the vocabulary" if least is None else "never"
    return f"{least:,} to {10 * least - 1:,} times"


def _decade(count: int | None) -> int | None:
    return None if count is None else max(least for least in DECADES if least <= count)


def confused_pairs(
    guesses: Sequence[Guess], known: Mapping[str, int]
) -> list[tuple[str, str, int]]:
    """(target, answer, rows) of wrong answers, most frequent first; unknown targets left out."""
    pairs = Counter(
        (guess.target, guess.answers[0][0])
        for guess in guesses
        if not guess.right and guess.target in known
    )
    return [(target, answer, rows) for (target, answer), rows in pairs.most_common(PAIRS)]


def made_up(
    head: "Classification", texts: Sequence[str], signal: np.ndarray, random: np.random.Generator
) -> pa.Array:
    return pa.array([texts[place] for place in slices(signal, len(texts))])
