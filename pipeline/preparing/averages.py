"""Averages of heads' numbers by the values of memories: summed up by batch, then written."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.memory.averages import FOLDS
from kinds.memory.averages.counting import FoldSums, added, averages, counted, merged
from kinds.memory.averages.table import Averages
from kinds.memory.keys import keys_of
from pipeline import spec as specs
from pipeline.console.import_noise import tensorflow
from pipeline.folders.data import DataFolder
from pipeline.preparing.reports import Key
from pipeline.preparing.spilled import Files, joined


def folds_of(records: list[bytes]) -> npt.NDArray[np.int64]:
    """The fold of each serialised example. The trainer finds it in the same way (trainer.data)."""
    found: npt.NDArray[np.int64] = tensorflow().strings.to_hash_bucket_fast(records, FOLDS).numpy()
    return found


def add(
    found: dict[Key, FoldSums],
    rows: pa.RecordBatch,
    records: list[bytes],
    spec: specs.Spec,
    sizes: Mapping[str, int],
) -> None:
    """Sums up a batch of features of training rows, with their examples as they are written."""
    if not spec.averaged():
        return
    folds = folds_of(records)
    for name, head in spec.averaged():
        keys = keys_of(spec.memories[name], spec.inputs, sizes)
        found[name, head] = counted(found.get((name, head), FoldSums()), keys, rows, head, folds)


def write(
    found: Files[FoldSums],
    spec: specs.Spec,
    folder: DataFolder,
    known: Callable[[str, Averages], dict[str, float]],
) -> dict[str, dict[str, Any]]:
    """Writes what each memory knows of each head, and gives what the statistics say of it. `known`
    gives the shares of rows whose value a memory knows."""
    said: dict[str, dict[str, Any]] = {}
    for name, head in spec.averaged():
        sums = added(joined(found[name, head], merged))
        made = averages(sums, spec.memories[name].min_count)
        folder.write_memory(name, head, made)
        values = len(np.unique(sums.parts[0]["key"].to_numpy()))
        said.setdefault(name, {})[head] = {
            "values": len(made.keys),
            "below_min_count": values - len(made.keys),
            "rows_forgotten_at_most": sums.lost,
            "bytes": made.file_bytes(),
            "known": known(name, made),
        }
    return said
