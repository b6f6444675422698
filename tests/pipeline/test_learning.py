"""What is learned does not depend on how the rows come, and is written as it is."""

import json

import numpy as np
import pyarrow as pa
import pytest

from kinds.columns import cast
from pipeline.fields import analyses_of, fields_of
from pipeline.preparing.learning import Learn, Learned, statistics_of
from pipeline.spec.file import parse_spec

SPEC = parse_spec("""
name: learned
vocabularies: {words: {size: 4}, tags: {min_count: 2}, colours: {values: [red, ""]}}
inputs:
  past: {kind: sequence, vocabulary: words, length: 2}
  word: {kind: category, vocabulary: words}
  income: {kind: number, scale: log}
  same: {kind: number}
  age: {kind: number, scale: buckets, buckets: 4, embedding: 2}
heads:
  tags: {kind: multilabel, vocabulary: tags}
  colour: {kind: classification, vocabulary: colours}
split: {by: hash, columns: [word]}
""")
FIELDS = fields_of(SPEC)


def _rows() -> pa.RecordBatch:
    columns: dict[str, list[str | None]] = {
        "past": ["x a b", "a", None, "b  "] * 25,
        "word": ["a", "", None, "c"] * 25,
        "income": [str(np.expm1(i % 3)) for i in range(100)],
        "same": ["5"] * 100,
        "age": [str(i) for i in range(100)],
        "tags": ["p q", "p", None, ""] * 25,
        "colour": ["red"] * 100,
    }
    columns["tags"][0] = "rare p"
    typed, _, rejected = cast(pa.RecordBatch.from_pydict(columns), FIELDS.all())
    assert rejected == []
    return typed


def _learned(*parts: list[pa.RecordBatch]) -> Learned:
    """Each part in an accumulator of its own."""
    combine = Learn(analyses_of(SPEC, FIELDS), SPEC.vocabularies)
    found = []
    for batches in parts:
        one = combine.create_accumulator()
        for batch in batches:
            one = combine.add_input(one, batch)
        found.append(combine.compact(one))
    return combine.extract_output(combine.merge_accumulators(found))


@pytest.mark.parametrize("cuts", [[100], [1, 99], [50, 0, 30, 20], [33, 33, 34]])
def test_what_is_learned_is_what_the_rows_say(cuts: list[int]) -> None:
    starts = np.cumsum([0, *cuts])[:-1]
    batches = [_rows().slice(int(at), size) for at, size in zip(starts, cuts, strict=True)]
    for learned in (_learned(batches), _learned(*([batch] for batch in batches), [])):
        words = learned.entries["words"]
        # The last two of each list, without the empty ones, and the words.
        assert words.values.to_pylist() == ["a", "b", "c"]
        assert words.counts.to_pylist() == [75, 25, 25]
        # An empty text holds no label. One "rare" is too rare.
        tags = learned.entries["tags"]
        assert dict(zip(*(c.to_pylist() for c in (tags.values, tags.counts)), strict=True)) == {
            "p": 50,
            "q": 24,
        }
        assert (tags.distinct, tags.below_min_count) == (3, 1)
        assert learned.entries["colours"].values.to_pylist() == ["red", ""]
        income, same = learned.known["income"], learned.known["same"]
        np.testing.assert_allclose([income.mean, income.std], [0.99, 0.8185], rtol=1e-3)
        assert [float(same.mean), float(same.std)] == [5.0, 1.0]
        assert learned.constant == ["same"]
        np.testing.assert_allclose(learned.known["age"].boundaries, [25, 50, 75], atol=1)


def test_what_is_learned_is_said_as_json_has_it() -> None:
    said = statistics_of(_learned([_rows()]))
    sections = vars(said)
    assert json.loads(json.dumps(sections)) | {"warnings": ()} == sections
    assert said.numbers["same"] == {"mean": 5.0, "std": 1.0}
    assert said.constant == ["same"]
    assert said.vocabularies["tags"]["below_min_count"] == 1
