"""The length that the vectors of an embedding table start with."""

import numpy as np
import pytest
from tiny_data import ENTRIES, WORDS, tiny_spec

from pipeline.failures import Failure
from pipeline.spec import Spec
from trainer.network.body import build_tables


def with_tables(said: str) -> Spec:
    return tiny_spec(replace={"trunk: {layers: [8]}": f"trunk: {{layers: [8]}}\ntables: {said}"})


def lengths(spec: Spec) -> np.ndarray:
    (table,) = build_tables(spec, ENTRIES).values()
    table.build((None,))
    return np.sqrt((table.embeddings.numpy() ** 2).sum(axis=1))


def test_vectors_start_with_the_length_that_is_said() -> None:
    """By default 1; the same draws otherwise."""
    short = lengths(with_tables("{words: {length: 0.25}}"))
    assert len(short) == WORDS + 2
    assert np.sqrt((short**2).mean()) == pytest.approx(0.25, rel=0.35)
    assert np.sqrt((lengths(tiny_spec()) ** 2).mean()) == pytest.approx(1, rel=0.35)


def test_prepare_does_not_depend_on_it() -> None:
    assert (
        with_tables("{words: {length: 0.25}}").preparation_hash() == tiny_spec().preparation_hash()
    )


@pytest.mark.parametrize("said", ["{words: {}}", "{words: {length: 1, frozen: true}}"])
def test_an_entry_says_something(said: str) -> None:
    with pytest.raises(Failure, match="give `vectors`, or the `length`"):
        with_tables(said)
