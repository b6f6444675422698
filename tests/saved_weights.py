"""The weights that a run folder holds, bit for bit, whatever else its files say."""

import io
import zipfile
from pathlib import Path

import h5py


def saved_weights(run: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(run / "model.keras") as kept:
        weights = h5py.File(io.BytesIO(kept.read("model.weights.h5")))
    found: dict[str, bytes] = {}
    weights.visititems(
        lambda name, at: found.update({name: at[()].tobytes()} if hasattr(at, "dtype") else {})
    )
    assert len(found) > 5
    return found
