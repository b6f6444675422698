"""Checks before any row is scored, and the hash of all that scored rows depend on."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from pipeline.failures import Exit, Failure
from pipeline.manifest import combined_hash
from pipeline.storage import stores
from serving.files.long_form import RESULTS
from serving.files.sources import check_columns
from serving.files.writers import suffix
from serving.scoring.batches import READ_ROWS, Batches
from serving.scoring.publishing import BATCHES_OF_A_PART


def check_output(output: Path, files: Sequence[str], *, force: bool) -> None:
    """The output can be written, and replaces nothing that it must not."""
    suffix(output)
    if not output.parent.is_dir():
        raise Failure(Exit.USAGE, "the output's folder must exist", received=output.parent)
    if output.is_dir() or any(output.resolve() == Path(f).resolve() for f in files):
        rule = "the output must be a file, and none of the inputs"
        raise Failure(Exit.USAGE, rule, received=output)
    if output.exists() and not force:
        raise Failure(Exit.OCCUPIED, f"{output} exists; --force replaces it")


def check_all_columns(files: Sequence[str], batches: Batches, *, long: bool) -> None:
    """Every file has every column, and no column would be written twice."""
    results = {*batches.schema().names, *(RESULTS.names if long else [])}
    results |= {*batches.by_side.names()}
    if both := sorted(results.intersection(batches.kept)):
        raise Failure(Exit.USAGE, "a kept column must not be called as a result is", received=both)
    for file in files:
        asked = [*batches.needed, *batches.kept, *batches.by_side.columns]
        check_columns(file, asked, batches.csv)


def made_from(files: Sequence[str], model: str, what: list[object]) -> str:
    """Everything that the scored rows depend on."""
    inputs = [(file, stores.state(file)) for file in files]
    libraries = [version(library) for library in ("numpy", "onnxruntime", "pyarrow")]
    sizes = [READ_ROWS, BATCHES_OF_A_PART]
    return combined_hash([model, *libraries, json.dumps([inputs, what, sizes])])
