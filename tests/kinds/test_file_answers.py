"""Each kind of input, head and column answers all that export and scoring ask."""

from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

from kinds import heads, inputs
from kinds.answers import check
from kinds.columns import TYPES, Field, is_missing
from kinds.columns.types import ColumnType
from kinds.heads import onnx as heads_onnx
from kinds.heads import score
from kinds.inputs import onnx as inputs_onnx

FAMILIES = [
    (inputs, inputs_onnx, inputs_onnx.Onnx),
    (heads, heads_onnx, heads_onnx.Onnx),
    (heads, score, score.Score),
]


@pytest.mark.parametrize(("family", "stage", "questions"), FAMILIES)
def test_every_kind_answers_every_question(family: Any, stage: Any, questions: type[Any]) -> None:
    assert tuple(stage.KINDS) == family.KINDS
    for module in stage.KINDS.values():
        check(module, questions)


@pytest.mark.parametrize("questions", [ColumnType, score.Score, heads_onnx.Onnx, inputs_onnx.Onnx])
def test_a_kind_without_an_answer_is_refused(questions: type[Any]) -> None:
    with pytest.raises(TypeError, match="half_a_kind must have"):
        check(ModuleType("half_a_kind"), questions)


@pytest.mark.parametrize("kind", TYPES)
def test_what_a_type_of_column_says_of_itself_fits(kind: str) -> None:
    one = TYPES[kind]
    for cells in one.hard_cells().values():
        column = pa.array(cells, one.arrow())
        assert len(column) == 4
        assert one.fed(column, 3).shape == ((4, 3) if one.is_list() else (4,))
        raw = one.raw(column)
        assert pa.types.is_list(raw.type) and len(raw) == 4
    assert is_missing(pa.nulls(1, one.arrow())).to_pylist() == [True]


@pytest.mark.parametrize(
    "said",
    [{"kind": "word"}, {"kind": "text", "separator": ""}, {"kind": "list", "nonnegative": 1}],
)
def test_a_field_that_reads_nothing_is_refused(said: Any) -> None:
    with pytest.raises(ValueError, match=r"a column must|only a number"):
        Field("x", **said)
