"""The trunk of a spec: which inputs it reads, and what follows for the network."""

import pytest

from pipeline.failures import Failure
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec

SPEC = """
name: reading
vocabularies: {maker: {}, shop: {}, product: {}}
inputs:
  maker: {kind: category, vocabulary: maker}
  shop: {kind: category, vocabulary: shop}
  size: {kind: number}
memory: {by_maker: {of: [maker]}}
heads:
  product: {kind: classification, vocabulary: product, memory: [by_maker]}
split: {by: hash, columns: [maker]}
"""


def spec(more: str = "") -> Spec:
    return parse_spec(SPEC + more)


def test_by_default_the_network_reads_every_input() -> None:
    assert list(spec().read()) == spec().read_by_trunk() == ["maker", "shop", "size"]


def test_none_reads_nothing_and_is_a_trunk_without_inputs() -> None:
    found = spec("trunk: none\n")
    assert found.read() == {} and found.trunk.inputs == ()
    assert found == spec("trunk: {inputs: []}\n") == parse_spec(found.to_json())


def test_inputs_are_read_in_the_order_of_the_spec() -> None:
    assert spec("trunk: {inputs: [size, maker]}\n").read_by_trunk() == ["maker", "size"]


def test_a_head_with_inputs_of_its_own_reads_them_all_the_same() -> None:
    text = SPEC.replace("memory: [by_maker]}", "memory: [by_maker], inputs: [shop]}")
    assert list(parse_spec(text + "trunk: none\n").read()) == ["shop"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("trunk: {inputs: [], layers: [8]}\n", "`layers` and `cross_layers` need inputs"),
        ("trunk: {inputs: [shop, shop]}\n", "`inputs` must not name an input twice"),
        ("trunk: {inputs: [price]}\n", "trunk.inputs: no input is called 'price'"),
        ("trunk: nothing\n", "trunk"),
    ],
)
def test_what_cannot_be_is_refused(more: str, says: str) -> None:
    with pytest.raises(Failure, match=says):
        spec(more)


def test_what_only_a_memory_counts_by_goes_through_no_block() -> None:
    text = SPEC.replace("vocabulary: maker}", "vocabulary: maker, through: common}")
    text += "shared: {common: {units: 4}}\ntrunk: {inputs: [shop]}\n"
    with pytest.raises(Failure, match=r"inputs\.maker\.through: the network does not read"):
        parse_spec(text)
