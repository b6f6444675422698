"""Words of texts where they stand, and texts without some of them: against plain Python."""

import numpy as np
import pyarrow as pa
import pytest

from kinds.word_spans import spans
from kinds.words import Words

SEPARATORS = [None, "|", "ab"]


def texts_of(separator: str | None) -> list[str]:
    """Of none to six words, some of them empty, some more than once."""
    random = np.random.default_rng(3)
    words = ["x", "é", "yy", "", "🙂z"]
    drawn = (random.choice(words, random.integers(0, 7)) for _ in range(200))
    return [(separator or "  ").join(of) for of in drawn]


def words_of(text: str, separator: str | None) -> list[str]:
    if separator is None:
        return text.split()
    return text.split(separator) if text else []


@pytest.mark.parametrize("separator", SEPARATORS)
def test_words_are_what_stands_between_separators(separator: str | None) -> None:
    texts = texts_of(separator)
    found = spans(Words(3, separator=separator), pa.array(texts))
    expected = [words_of(text, separator) for text in texts]
    assert found.texts().to_pylist() == [word for words in expected for word in words]
    assert found.owners.tolist() == [at for at, words in enumerate(expected) for _ in words]
    before, behind = found.places()
    assert before.tolist() == [at for words in expected for at in range(len(words))]
    assert behind.tolist() == [len(words) - at for words in expected for at in range(len(words))]


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("gone", ["x", "é", "yy", ""])
def test_words_that_go_leave_the_others(separator: str | None, gone: str) -> None:
    texts = texts_of(separator)
    found = spans(Words(3, separator=separator), pa.array(texts))
    goes = np.array([word == gone for word in found.texts().to_pylist()])
    left = found.without(goes, np.array(texts, object))
    for text, got in zip(texts, left, strict=True):
        kept = [word for word in words_of(text, separator) if word != gone]
        assert words_of(got, separator) == (kept if kept != [""] else [])


def test_what_goes_goes_by_its_letters() -> None:
    """Another reading of the same column, of capitals and with a comma, loses the same letters."""
    found = spans(Words(3), pa.array(["the fox  runs", "fox"]))
    other = np.array(["The Fox, runs", "Fox"], object)
    goes = np.array([False, True, False, True])
    assert found.without(goes, other).tolist() == ["The , runs", ""]
