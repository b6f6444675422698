"""Cross layers: the formula, and products that are learned with no other layer."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from chain import read_json, through_all_stages, words
from keras import Input, Model

from pipeline.spec.file import parse_spec
from trainer import task
from trainer.network.cross_layers import cross_layer, crossed

SPEC = """
name: products
inputs:
  one: {kind: number}
  other: {kind: number}
trunk: {cross_layers: 1}
heads:
  alike: {kind: binary}
split: {by: hash, columns: [row], eval: 0.3, test: 0}
training: {epochs: 20, batch_size: 32, learning_rate: 0.05, patience: null}
"""


def rows(count: int = 600) -> pa.Table:
    """Neither number says anything alone, nor does their sum."""
    one, other = np.random.default_rng(1).normal(size=(2, count)).round(4)
    columns = {"one": one, "other": other, "alike": one * other > 0}
    return pa.table({"row": [str(at) for at in range(count)], **columns})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return through_all_stages(parse_spec(SPEC), rows(), tmp_path_factory.mktemp("cross") / "out")


def test_a_cross_layer_multiplies_by_what_came_in() -> None:
    draw, width = np.random.default_rng(2), 3
    cross = [cross_layer(width, f"cross.{at}") for at in range(2)]
    given = Input((width,))
    model = Model(given, crossed(given, cross))
    weights = [draw.normal(size=(width, width)), draw.normal(size=width)] * 2
    model.set_weights(weights)
    x0 = draw.normal(size=(5, width))
    expected = x0
    for at in range(2):
        expected = x0 * (expected @ weights[2 * at] + weights[2 * at + 1]) + expected
    np.testing.assert_allclose(model(x0), expected, rtol=1e-4, atol=1e-5)


def test_products_are_learned_by_cross_layers_alone(made: Path, tmp_path: Path) -> None:
    with_them = read_json(made / "run" / "metrics.json")["eval"]["alike"]
    plain = words("--set", "trunk.cross_layers=0", "--output", tmp_path / "run")
    task.run([*words("--data", made / "data"), *plain])
    without = read_json(tmp_path / "run" / "metrics.json")["eval"]["alike"]
    assert with_them["log_loss"] < 0.3
    assert without["log_loss"] > 0.65


def test_the_file_with_cross_layers_gives_what_keras_gives(made: Path) -> None:
    assert read_json(made / "model" / "certificate.json")["rows"] > rows().num_rows / 2
