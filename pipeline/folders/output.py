"""The folder of a run of all stages: a folder for each stage, the scores and the report."""

from pathlib import Path

from pipeline.folders.data import DataFolder
from pipeline.folders.model import ModelFolder
from pipeline.folders.published import Within
from pipeline.folders.run import RunFolder


class Output:
    """OUT."""

    spec = Within("spec.yaml")
    scores, report = Within("scores.parquet"), Within("report.html")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data, self.run = DataFolder(path / "data"), RunFolder(path / "run")
        self.model = ModelFolder(path / "model")
