"""Sums by row against NumPy, the CPU's way and, on a CPU, the GPU's."""

import numpy as np
import pytest
import tensorflow as tf

from kinds.row_sums import subtract_by_row, sum_by_row

ROWS = 7


@pytest.fixture(params=["cpu", "gpu"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"cpu": [], "gpu": ["a GPU"]}[request.param]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: found)


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("shape", [(), (3,)], ids=["numbers", "vectors"])
@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_sums_are_those_of_the_rows_parts(shape: tuple[int, ...], compiled: bool) -> None:
    """Row 0 comes often, rows 2 and 6 never."""
    draw = np.random.default_rng(0)
    rows = np.array([0, 5, 0, 1, 0, 4, 3, 0, 5], np.int32)
    values, total = (np.float32(draw.normal(size=(n, *shape))) for n in (len(rows), ROWS))
    expected = np.zeros((ROWS, *shape))
    np.add.at(expected, rows, values)

    @tf.function(jit_compile=compiled)
    def both(values: tf.Tensor, rows: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return sum_by_row(values, rows, ROWS), subtract_by_row(total, rows, values)

    sums, left = both(tf.constant(values), tf.constant(rows), tf.constant(total))
    np.testing.assert_allclose(sums, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(sums.numpy()[[2, 6]], 0)
    np.testing.assert_allclose(left, total - expected, rtol=1e-6, atol=1e-6)


@pytest.mark.usefixtures("device")
def test_a_small_sum_is_exact_beside_a_great_one() -> None:
    values, rows = tf.constant([3e7, 3e7, 1e-3, 2e-3]), tf.constant([0, 0, 1, 1])
    np.testing.assert_allclose(sum_by_row(values, rows, 2), [6e7, 3e-3], rtol=1e-6)
