"""The run folder, which the trainer publishes: the model, its metrics and its history."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from pipeline.folders.prepared import PreparedFolder
from pipeline.folders.published import Within, read_json, read_json_lines, write_json

LABEL_VECTORS = "label_vectors"


@dataclass(frozen=True)
class RunFolder(PreparedFolder):
    """OUT/run; prepared files lie there, too."""

    STAGE: ClassVar[str] = "run"

    keras_model, metrics_path = Within("model.keras"), Within("metrics.json")
    # JSON lines: one for each epoch, and one for the phases before it.
    history_path = Within("history.jsonl")
    # What TensorBoard shows.
    events = Within("tensorboard")
    # What `training: auto` has tried, and with which outcome.
    trials_path = Within("trials.json")
    # Of an unfinished run: what it is made from, and where it goes on after a kill.
    made_from_path, checkpoints = Within(".made-from"), Within("checkpoints")
    trials = Within("trials")

    @cached_property
    def metrics(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = read_json(self.metrics_path)
        return found

    def history(self) -> list[dict[str, Any]]:
        return read_json_lines(self.history_path) if self.history_path.exists() else []

    def tried(self) -> list[dict[str, Any]]:
        """The trials of `training: auto`, none where the spec left nothing open."""
        found: list[dict[str, Any]] = []
        return read_json(self.trials_path) if self.trials_path.exists() else found

    def label_vectors(self, head: str) -> dict[str, Any] | None:
        """What `write_label_vectors` was given, None where the head's labels had no features."""
        import numpy as np

        path = self.path / LABEL_VECTORS / f"{head}.npz"
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)

    def write_label_vectors(self, head: str, arrays: Mapping[str, Any]) -> None:
        """What the values of labels say: the model's file has only what comes of it."""
        import numpy as np

        path = self.path / LABEL_VECTORS / f"{head}.npz"
        path.parent.mkdir(exist_ok=True)
        np.savez(path, **arrays)

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        write_json(self.metrics_path, metrics)
