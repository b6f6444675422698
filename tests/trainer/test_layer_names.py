"""Names of a spec that are those of groups of layers are names like others."""

import pytest

from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from trainer.network.body import build_body, table_layer

SPEC = """
name: clash
vocabularies: {words: {values: [a, b]}}
inputs:
  INPUT: {kind: sequence, vocabulary: words, length: 3, embedding: 2, WAY}
  shared: {kind: number}
heads: {y: {kind: binary}}
split: {by: row}
"""


def spec_with(name: str, table: str, combine: str) -> Spec:
    way = f"table: {table}, combine: {combine}"
    return parse_spec(SPEC.replace("INPUT", name).replace("WAY", way))


@pytest.mark.parametrize("combine", ["concat", "attention"])
@pytest.mark.parametrize("name", ["table", "trunk", "head", "shared_too"])
def test_an_input_may_be_called_as_a_group_of_layers_is(name: str, combine: str) -> None:
    spec = spec_with(name, combine, combine)
    body = build_body(spec, {"words": 2})
    names = [layer.name for layer in body.model.layers]
    assert len(names) == len(set(names))
    assert body.model.get_layer(table_layer(spec, combine)) is body.tables[combine]


def test_other_names_of_layers_stay_what_they_were() -> None:
    assert table_layer(spec_with("word", "t", "mean"), "t") == "table.t"
