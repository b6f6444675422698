"""Numbers with pieces: the place on the line of the cuts, and the ramps of the network."""

import math

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from kinds.inputs.number import graph, network, prepare
from kinds.inputs.number.spec import Number
from kinds.prepare import Known


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


CUTS = floats(-2.5, 0.0, 0.25, 7.0, 100.0)
NUMBERS = floats(-9.0, -2.5, -1.0, 0.0, 0.1, 0.25, 3.0, 99.9, 100.0, 1e30, math.nan)
# numpy's own interpolation between the cuts and their numbers.
PLACES = np.append(np.interp(NUMBERS[:-1], CUTS, np.arange(5)), 0).astype(np.float32)


@pytest.mark.parametrize(
    ("cuts", "places"), [(CUTS, PLACES), (CUTS[:1], 0 * PLACES), (CUTS[:0], 0 * PLACES)]
)
def test_a_place_is_the_same_in_rows_and_in_the_graph(cuts: np.ndarray, places: np.ndarray) -> None:
    part, known = Number(pieces=6), Known(boundaries=cuts)
    rows = prepare.features("x", part, pa.array(NUMBERS, from_pandas=False), known)
    assert list(rows) == prepare.feature_names("x", part) == ["x", "x.missing", "x.place"]
    of_rows = rows["x.place"].flatten().to_numpy()
    np.testing.assert_allclose(of_rows, places, rtol=1e-6)
    in_graph = graph.features("x", part, tf.constant(NUMBERS), None, known)["x.place"]
    np.testing.assert_array_equal(np.ravel(in_graph), of_rows)


def test_the_network_has_a_ramp_over_each_piece_but_the_first_and_the_last() -> None:
    part = Number(pieces=6)
    inputs = {"x": floats(0.5, -1), "x.missing": floats(0, 1), "x.place": floats(2.25, 0)}
    tensors = {name: tf.constant(values) for name, values in inputs.items()}
    assert set(network.features("x", part, {})) == set(inputs)
    found = np.asarray(network.vector("x", part, tensors, None, {}))
    ramps = network.HEIGHT * floats(1, 1, 0.25, 0)
    np.testing.assert_allclose(found, [[0.5, 0, *ramps], [-1, 1, 0, 0, 0, 0]], rtol=1e-6)


def test_three_pieces_have_one_ramp_and_a_number_without_missing_ones_no_flag() -> None:
    part = Number(pieces=3, missing="reject")
    assert prepare.feature_names("x", part) == ["x", "x.place"]
    tensors = {"x": tf.constant(floats(2)), "x.place": tf.constant(floats(0.5))}
    found = np.asarray(network.vector("x", part, tensors, None, {}))
    np.testing.assert_allclose(found, [[2, network.HEIGHT / 2]], rtol=1e-6)


def test_pieces_do_not_go_with_buckets() -> None:
    with pytest.raises(ValueError, match="does not go with `scale: buckets`"):
        Number(scale="buckets", buckets=3, embedding=2, pieces=3)
