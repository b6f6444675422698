"""The trial of int8 products sees wrong rows, wrong sums and wrong zeros; then float32 ranks."""

import numpy as np
import pytest

from serving.model_file import int8_trial
from serving.model_file.int8_trial import is_exact, multiplies_exactly, random_kernel

WIDTH, LABELS = 24, 2048
KERNEL = random_kernel(WIDTH, LABELS)


def exactly(x: np.ndarray, zero: np.ndarray) -> np.ndarray:
    return (x.astype(np.int64) - int(zero)) @ KERNEL.astype(np.int64)


def last_row_of_another(x: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """What equal numbers hide."""
    product = exactly(x, zero)
    product[-1] = product[0]
    return product


def last_row_left_out(x: np.ndarray, zero: np.ndarray) -> np.ndarray:
    product = exactly(x, zero)
    product[16:] = 0
    return product


def cut_at_16_bits(x: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """Sums of two products as some processors make them."""
    pairs = x.astype(np.int64)[:, :, None] * KERNEL.astype(np.int64)
    of_two = np.clip(pairs[:, 0::2] + pairs[:, 1::2], -(2**15), 2**15 - 1)
    return of_two.sum(axis=1) - int(zero) * KERNEL.sum(axis=0, dtype=np.int64)


def without_zero(x: np.ndarray, zero: np.ndarray) -> np.ndarray:
    return exactly(x, np.zeros_like(zero))


def one_too_many(x: np.ndarray, zero: np.ndarray) -> np.ndarray:
    product = exactly(x, zero)
    product[-1, -1] += 1
    return product


def test_an_exact_product_passes() -> None:
    assert is_exact(exactly, KERNEL)


@pytest.mark.parametrize(
    "wrong", [last_row_of_another, last_row_left_out, cut_at_16_bits, without_zero, one_too_many]
)
def test_a_wrong_product_is_seen(wrong: int8_trial.Multiply) -> None:
    assert not is_exact(wrong, KERNEL)


def test_equal_numbers_would_hide_a_row_of_another() -> None:
    """Why the numbers are random."""
    x, kernel = np.full((64, 128), 255), np.full((128, 64), 127)
    product = x @ kernel
    product[-1] = product[0]
    assert (product == 255 * 127 * 128).all()


def test_onnxruntime_is_exact_here_and_a_wrong_one_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    multiplies_exactly.cache_clear()
    assert multiplies_exactly(WIDTH, LABELS)
    assert capsys.readouterr().err == ""
    multiplies_exactly.cache_clear()
    monkeypatch.setattr(int8_trial, "int8_product", lambda _: last_row_of_another)
    assert not multiplies_exactly(WIDTH, LABELS)
    assert not multiplies_exactly(WIDTH, LABELS)
    (line,) = capsys.readouterr().err.splitlines()
    assert "24 x 2,048 int8 numbers wrongly" in line and "float32" in line
    multiplies_exactly.cache_clear()
