"""Starts of embedding tables: vectors that exist, for the values that a vocabulary holds."""

from typing import Any

import numpy as np

from pipeline import spec as specs
from pipeline import vectors
from pipeline.folders.data import DataFolder
from pipeline.vectors.source import Array


def write(spec: specs.Spec, folder: DataFolder) -> dict[str, dict[str, Any]] | None:
    """Writes what each table starts with, and gives how much of it that is: values, how many have
    a vector, and the share of their occurrences in train."""
    said = {}
    for table, lookup in spec.starts().items():
        counts = folder.vocabulary(lookup.vocabulary or "")
        ids, found = vectors.read(spec.vector_files()[table], list(counts))
        folder.write_vectors(table, ids, found)
        said[table] = _coverage(np.fromiter(counts.values(), np.int64, len(counts)), ids)
    return said or None


def _coverage(counts: Array, ids: Array) -> dict[str, Any]:
    share = float(counts[ids].sum() / max(counts.sum(), 1))
    return {"values": len(counts), "found": len(ids), "occurrences": share}
