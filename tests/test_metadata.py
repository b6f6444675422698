"""What the file says about itself comes back as it was."""

import pytest

from pipeline.casting import Field
from pipeline.failures import Exit, Failure
from serving.metadata import FileHead, Metadata, from_json


def test_what_is_written_is_what_is_read() -> None:
    metadata = Metadata(
        name="m",
        fields=(
            Field("x", "number", required=True),
            Field("l", "list", separator="|", name="l:list"),
        ),
        lengths={"l:list": 7},
        keys=("key", "🙂"),
        heads=(
            FileHead("a", "classification", "a", ("a.labels", "a.scores"), 5),
            FileHead("b", "binary", "column", ("b.score",)),
        ),
        top_k=3,
        facts={"hashes": {"run": "00"}},
    )
    assert from_json(metadata.to_json()) == metadata


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2}', '{"format": 1, "fields": 3}'])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Failure) as failure:
        from_json(text)
    assert failure.value.exit_code == Exit.INTEGRITY
