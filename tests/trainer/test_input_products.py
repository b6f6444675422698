"""Products of inputs: the formulas of DistMult and ComplEx, which learn what sums do not."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from chain import read_json, through_all_stages, words
from keras import Input, Model

from pipeline.failures import Exit, Failure
from pipeline.spec import Product
from pipeline.spec.file import parse_spec
from trainer import task
from trainer.network.products import product_of

SPEC = """
name: products
vocabularies: {entity: {}, relation: {}}
inputs:
  entity: {kind: category, vocabulary: entity, embedding: 8}
  relation: {kind: category, vocabulary: relation, embedding: 8}
  one: {kind: number}
  other: {kind: number}
products:
  fact: {of: [entity, relation], form: complex, dropout: 0.1}
  both: {of: [one, other]}
trunk: {inputs: [both, one]}
heads:
  answer: {kind: classification, vocabulary: entity, inputs: [fact], tied: entity}
  alike: {kind: binary}
split: {by: hash, columns: [row], eval: 0.3, test: 0}
training: {epochs: 20, batch_size: 32, learning_rate: 0.05, patience: null}
"""
ENTITIES, RELATIONS = 12, 4


def rows(count: int = 900) -> pa.Table:
    """The answer is as many entities on as the relation says; whether two numbers have one sign is
    in neither of them, nor in their sum."""
    draw = np.random.default_rng(1)
    entity, relation = draw.integers(ENTITIES, size=count), draw.integers(RELATIONS, size=count)
    one, other = draw.normal(size=(2, count)).round(4)
    return pa.table(
        {
            "row": [str(at) for at in range(count)],
            "entity": [f"e{at}" for at in entity],
            "relation": [f"r{at}" for at in relation],
            "answer": [f"e{at}" for at in (entity + relation) % ENTITIES],
            "one": one,
            "other": other,
            "alike": one * other > 0,
        }
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return through_all_stages(parse_spec(SPEC), rows(), tmp_path_factory.mktemp("product") / "out")


def multiplied(product: Product, *vectors: np.ndarray) -> np.ndarray:
    named = zip(product.of, vectors, strict=True)
    given = {name: Input(v.shape[1:], name=name) for name, v in named}
    model = Model(given, product_of("fact", product, given))
    return np.asarray(model(dict(zip(product.of, vectors, strict=True))))


def drawn(count: int, width: int) -> list[np.ndarray]:
    return list(np.random.default_rng(2).normal(size=(count, 5, width)).astype(np.float32))


def test_real_vectors_are_multiplied_number_by_number() -> None:
    a, b, c = drawn(3, 3)
    np.testing.assert_allclose(multiplied(Product(of=("a", "b", "c")), a, b, c), a * b * c, 1e-5)


def test_halves_of_complex_vectors_are_real_and_imaginary_parts() -> None:
    vectors = drawn(3, 6)
    a, b, c = (v[:, :3] + 1j * v[:, 3:] for v in vectors)
    found = multiplied(Product(of=("a", "b", "c"), form="complex"), *vectors)
    np.testing.assert_allclose(found[:, :3] + 1j * found[:, 3:], a * b * c, rtol=1e-4)


def test_a_tied_head_scores_by_the_real_part_of_a_product_with_the_conjugate_answer() -> None:
    """ComplEx: Re(<head, relation, conjugate of tail>)."""
    head, relation, tail = drawn(3, 6)
    query = multiplied(Product(of=("h", "r"), form="complex"), head, relation)
    h, r, t = (v[:, :3] + 1j * v[:, 3:] for v in (head, relation, tail))
    expected = (h * r * t.conj()).sum(axis=1).real
    np.testing.assert_allclose((query * tail).sum(axis=1), expected, rtol=1e-4)


def test_widths_that_only_the_network_knows_are_refused_by_it() -> None:
    with pytest.raises(Failure, match=r"one width. Received: a 3, b 2") as failed:
        product_of("fact", Product(of=("a", "b")), {"a": Input((3,)), "b": Input((2,))})
    assert failed.value.exit_code == Exit.USAGE
    with pytest.raises(Failure, match="even width"):
        product_of("fact", Product(of=("a", "a"), form="complex"), {"a": Input((3,))})


def test_products_are_learned_without_a_layer(made: Path, tmp_path: Path) -> None:
    found = read_json(made / "run" / "metrics.json")["eval"]
    plain = words("--set", "trunk.inputs=[one, other, both]", "--output", tmp_path / "run")
    plain += words("--set", "products.both.of=[one, one]")
    task.run([*words("--data", made / "data"), *plain])
    squares = read_json(tmp_path / "run" / "metrics.json")["eval"]["alike"]
    assert found["alike"]["log_loss"] < 0.35 < 0.65 < squares["log_loss"]
    assert found["answer"]["accuracy@1"] > 0.95


def test_the_file_gives_what_keras_gives(made: Path) -> None:
    assert read_json(made / "model" / "certificate.json")["rows"] > rows().num_rows / 2
