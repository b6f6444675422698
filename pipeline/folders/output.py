"""The folder of a run of all stages: a folder for each stage, the scores and the report."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.folders.data import DataFolder
from pipeline.folders.model import ModelFolder
from pipeline.folders.run import RunFolder


@dataclass(frozen=True)
class Output:
    """OUT."""

    path: Path

    @property
    def data(self) -> DataFolder:
        return DataFolder(self.path / "data")

    @property
    def run(self) -> RunFolder:
        return RunFolder(self.path / "run")

    @property
    def model(self) -> ModelFolder:
        return ModelFolder(self.path / "model")

    @property
    def scores(self) -> Path:
        return self.path / "scores.parquet"

    @property
    def report(self) -> Path:
        return self.path / "report.html"
