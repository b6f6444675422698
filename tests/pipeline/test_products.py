"""Products in a spec: which inputs are read for them, and what is refused before any row is."""

import pytest

from pipeline.failures import Failure
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec

SPEC = """
name: facts
vocabularies: {entity: {}, relation: {}}
inputs:
  entity: {kind: category, vocabulary: entity, embedding: 8}
  relation: {kind: category, vocabulary: relation, embedding: 8}
  size: {kind: number}
products:
  fact: {of: [entity, relation], form: complex}
heads:
  answer: {kind: classification, vocabulary: entity, inputs: [fact], tied: entity}
  right: {kind: binary}
split: {by: hash, columns: [entity]}
"""


def spec(*changes: tuple[str, str]) -> Spec:
    text = SPEC
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_spec(text)


def test_the_trunk_reads_inputs_and_then_products() -> None:
    assert spec().read_by_trunk() == ["entity", "relation", "size", "fact"]


def test_what_a_product_is_of_is_read_by_the_network_though_the_trunk_does_not() -> None:
    found = spec(("heads:", "trunk: {inputs: [fact]}\nheads:"))
    assert list(found.read()) == ["entity", "relation"]
    assert found.read_by_trunk() == ["fact"] == list(found.products_read())


def test_a_product_changes_nothing_that_prepare_depends_on() -> None:
    assert spec().preparation_hash() == spec(("complex", "real")).preparation_hash()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("of: [entity, relation]", "of: [entity]", "products.fact.of"),
        ("of: [entity, relation]", "of: [entity, fact]", "no input is called 'fact'"),
        ("fact: {of", "size: {of", "products.size: the name is taken by inputs.size"),
        ("relation, embedding: 8", "relation, embedding: 6", "must have one width, not "),
        ("embedding: 8", "embedding: 7", "must have an even width"),
        ("relation, embedding: 8", "relation", r"inputs\.relation\.embedding: must be given"),
    ],
)
def test_what_does_not_go_together_is_refused(old: str, new: str, says: str) -> None:
    with pytest.raises(Failure, match=says):
        spec((old, new))


def test_a_head_may_read_a_product_beside_a_trunk_of_nothing() -> None:
    alone = ("right: {kind: binary}", "right: {kind: binary, inputs: [size]}\ntrunk: none")
    assert list(spec(alone).read()) == ["entity", "relation", "size"]


def test_a_product_that_nothing_reads_is_refused() -> None:
    refused = r"products\.fact: no head reads it, by itself or by the trunk"
    with pytest.raises(Failure, match=refused):
        spec((", inputs: [fact]", ""), ("heads:", "trunk: {inputs: [entity]}\nheads:"))
    with pytest.raises(Failure, match=refused):
        spec(
            (", inputs: [fact]", ", inputs: [entity]"),
            ("right: {kind: binary}", "right: {kind: binary, inputs: [size]}"),
            ("heads:", "trunk: {inputs: [fact]}\nheads:"),
        )


def test_a_product_of_a_list_beside_a_head_that_follows_it_is_refused() -> None:
    text = """
name: lists
vocabularies: {item: {}}
inputs:
  seen: {kind: sequence, vocabulary: item, length: 4, embedding: 8, combine: mean}
  user: {kind: category, vocabulary: item, embedding: 8}
products: {both: {of: [seen, user]}}
heads:
  item: {kind: classification, vocabulary: item, next_of: seen}
split: {by: last}
"""
    with pytest.raises(Failure, match=r"products\.both\.of: inputs\.seen reads the list of a head"):
        parse_spec(text)
