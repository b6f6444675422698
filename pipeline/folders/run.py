"""The run folder, which the trainer publishes: the model, its metrics and its history."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from pipeline.folders.prepared import PreparedFolder
from pipeline.folders.published import read_json, read_json_lines, write_json

METRICS = "metrics.json"


@dataclass(frozen=True)
class RunFolder(PreparedFolder):
    """OUT/run; prepared files lie there, too."""

    STAGE: ClassVar[str] = "run"

    @property
    def keras_model(self) -> Path:
        return self.path / "model.keras"

    @property
    def history_path(self) -> Path:
        """JSON lines: one for each epoch, and for the phases before it."""
        return self.path / "history.jsonl"

    @property
    def metrics_path(self) -> Path:
        return self.path / METRICS

    @property
    def events(self) -> Path:
        """What TensorBoard shows."""
        return self.path / "tensorboard"

    @property
    def checkpoints(self) -> Path:
        """There only until the run is done."""
        return self.path / "checkpoints"

    @property
    def made_from_path(self) -> Path:
        """What an unfinished run is made from."""
        return self.path / ".made-from"

    @cached_property
    def metrics(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = read_json(self.metrics_path)
        return found

    def history(self) -> list[dict[str, Any]]:
        return read_json_lines(self.history_path) if self.history_path.exists() else []

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        write_json(self.metrics_path, metrics)
