"""The vectors in the file are those that were learned, with their own values."""

import keras
import numpy as np
import pytest
from small_run import LABELS, TAGS, WORDS, exported, small_model

from pipeline.failures import Exit, Failure
from serving.model_file.embeddings import Embeddings, FileEmbeddings
from serving.model_file.integrity import read_model
from serving.neighbours import run

FILE = "model.onnx"


@pytest.fixture(scope="module")
def graph() -> FileEmbeddings:
    return FileEmbeddings(read_model(exported() / "model" / FILE))


def weights(name: str) -> np.ndarray:
    model = small_model()
    found = {v.path: v.numpy() for v in model.variables}
    return next(array for path, array in found.items() if path.startswith(name))


def test_the_values_of_an_input_lie_behind_its_shared_matrix(graph: FileEmbeddings) -> None:
    model = small_model()
    embeddings = [x for x in model.layers if isinstance(x, keras.layers.Embedding)]
    table = next(x.get_weights()[0] for x in embeddings if x.output_dim == 5)
    matrix = next(w for x in model.layers for w in x.get_weights() if w.shape == (5, 6))
    for name in ("word", "before"):
        space = graph.of_input(name)
        assert space is not None
        assert space.values == [word for word in WORDS if word]
        expected = [row for row, word in zip(table @ matrix, WORDS, strict=False) if word]
        np.testing.assert_allclose(space.vectors, expected, atol=1e-5)


def test_an_input_that_goes_through_nothing_has_its_own_table(graph: FileEmbeddings) -> None:
    space = graph.of_input("story")
    assert space is not None
    assert space.vectors.shape == (len(WORDS) - 1, 3)
    assert graph.of_input("age") is None


def test_the_labels_of_a_head_are_the_columns_of_its_last_layer(graph: FileEmbeddings) -> None:
    model = small_model()
    kernels = [w for x in model.layers for w in x.get_weights()]
    for head, labels in (("next", LABELS), ("tags", TAGS)):
        space = graph.of_head(head)
        assert space is not None
        assert space.values == labels
        outputs = len(labels) + (head == "next")
        kernel = next(w for w in kernels if w.shape == (8, outputs))
        np.testing.assert_allclose(space.vectors, kernel.T[: len(labels)], atol=1e-6)
    assert graph.of_head("ends") is None


def test_the_command_prints_neighbours_best_first(capsys: pytest.CaptureFixture[str]) -> None:
    run(
        [
            "--model",
            str(exported() / "model" / FILE),
            "--head",
            "next",
            "--of",
            "no",
            "--count",
            "3",
        ]
    )
    lines = capsys.readouterr().out.splitlines()
    cosines = [float(line.split("  ")[0]) for line in lines]
    assert len(lines) == 3
    assert cosines == sorted(cosines, reverse=True)
    assert "no" not in [line.split("  ")[1] for line in lines]


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        (["--head", "next", "--of", "?"], "one of the 6 that the model knows. Received"),
        (["--input", "word", "--of", "Cat"], "that the model knows; near it: 'cat'"),
        (["--head", "ends", "--of", "yes"], "--head one with labels"),
        (["--input", "age", "--of", "1"], "--input must be one that looks values up"),
    ],
)
def test_what_has_no_neighbours_is_refused(more: list[str], rule: str) -> None:
    with pytest.raises(Failure, match=rule) as failure:
        run(["--model", str(exported() / "model" / FILE), *more])
    assert failure.value.exit_code == Exit.USAGE


def test_a_vector_of_zeros_is_no_division_by_zero() -> None:
    space = Embeddings(["a", "b"], np.zeros((2, 3), np.float32))
    assert space.nearest("a", 5) == [("b", 0.0)]
