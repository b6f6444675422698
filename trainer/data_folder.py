"""The data folder as the trainer takes it. Nothing here loads TensorFlow, so that a command can
refuse a folder at once."""

from pathlib import Path

from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder


def read_data(path: Path) -> DataFolder:
    """Opens a data folder after checking every file. Raises Failure: 2 where it is none or has no
    train rows, 5 where a file is missing or differs from the manifest."""
    folder = DataFolder(path).verified()
    if folder.rows("train") < 1:
        raise Failure(Exit.USAGE, "training needs at least one row in the train split", received=0)
    return folder
