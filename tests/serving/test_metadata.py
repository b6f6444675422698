"""What the file says about itself comes back as it was."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from kinds.columns import Field, cast
from kinds.heads.score import FileHead
from kinds.tensors import FORMAT
from pipeline.failures import Exit, Failure
from serving.model_file.metadata import Metadata, from_json

METADATA = Metadata(
    name="m",
    fields=(
        Field("x", "number", required=True),
        Field("l", "list", separator="|", name="l:list"),
        Field("w", "vector", nonnegative=True, beside="l:list"),
        Field("v", "vector", width=1),
    ),
    lengths={"l:list": 7, "w": 7, "v": 1},
    keys=("key", "🙂"),
    heads=(
        FileHead("a", "classification", Field("a", "text"), 5),
        FileHead("b", "binary", Field("column", "flag")),
    ),
    top_k=3,
    facts={"hashes": {"run": "00"}},
)


def test_what_is_written_is_what_is_read() -> None:
    assert from_json(METADATA.to_json()) == METADATA


@pytest.mark.parametrize("text", ["", "{}", "[]", "[" * 100_000, '{"format": 2}'])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Failure) as failure:
        from_json(text)
    assert failure.value.exit_code == Exit.INTEGRITY


def test_a_file_of_another_format_is_refused_with_what_to_do() -> None:
    said = json.loads(METADATA.to_json()) | {"format": 1}
    with pytest.raises(Failure, match=f"of format {FORMAT}: export its run.*Received: 1"):
        from_json(json.dumps(said))


def _places(said: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every value in it, as the keys and numbers on the way there."""
    inside = said.items() if isinstance(said, dict) else enumerate(said)
    for key, value in inside:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*above, key))


OTHERS: list[Any] = [None, 5, -1, 1e999, 0.5, "", "x", "\0", "\ud800", [], ["x"], {}, True]


@pytest.mark.parametrize("place", list(_places(json.loads(METADATA.to_json()))), ids=str)
def test_another_value_anywhere_is_refused_or_reads_rows(place: tuple[Any, ...]) -> None:
    """Whoever changes what the file says can change its hash too."""
    *above, last = place
    for other in OTHERS:
        said = copy.deepcopy(json.loads(METADATA.to_json()))
        part = said
        for key in above:
            part = part[key]
        part[last] = other
        try:
            fields = from_json(json.dumps(said)).fields
            columns = {field.column: ["1", None] for field in fields}
            cast(pa.RecordBatch.from_pydict(columns), fields)
        except Failure as failure:
            assert failure.exit_code == Exit.INTEGRITY
