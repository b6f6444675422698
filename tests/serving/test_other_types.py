"""A column that was texts in training and is flags or numbers in the rows to score is named."""

import pyarrow as pa
import pytest

from kinds.columns import Field
from serving.files.other_types import OtherTypes

FIELDS = (
    Field("token", "text"),
    Field("tokens", "list"),
    Field("item", "text", reading="values"),
    Field("amount", "number"),
    Field("title", "passage"),
)
TEXTS = {"token": ["True"], "tokens": ["a b"], "item": ["8.0"], "amount": ["1.5"], "title": ["a"]}


def said(rows: dict[str, pa.Array | list[str | None]]) -> list[str]:
    types = OtherTypes(FIELDS)
    for file in ("jan", "feb"):
        types.see(file, pa.RecordBatch.from_pydict({**TEXTS, **rows}))
    return list(types.warnings())


@pytest.mark.parametrize(
    ("column", "values", "kind"),
    [
        ("token", pa.array([True]), "flags"),
        ("token", pa.array([8.0]), "numbers"),
        ("tokens", pa.array([8]), "numbers"),
        ("token", pa.array([8], pa.timestamp("s")), "times"),
    ],
)
def test_a_column_of_words_that_has_another_type_is_named_once(
    column: str, values: pa.Array, kind: str
) -> None:
    (line,) = said({column: values})
    assert line.startswith(f"warning: OTHER_TYPE of {column}: it has {kind} in jan;")


def test_texts_and_what_was_read_as_values_and_numbers_are_as_they_were() -> None:
    assert said({}) == []
    assert said({"tokens": pa.array([["a"]]), "token": pa.nulls(1)}) == []
    typed = {"item": pa.array([True]), "amount": pa.array([1.5]), "title": pa.array([8])}
    assert said(typed) == []
