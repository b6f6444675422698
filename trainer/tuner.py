"""Reports to Vertex AI's hyper-parameter tuner, in the form of the cloudml-hypertune package.

The tuner reads a file of JSON lines, at most the last hundred, each with a metric by its name. It
is written where `CLOUD_ML_TRIAL_ID` says that this run is a trial.
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.manifest import write_text
from trainer.reporting.history import scalars

LINES_AT_MOST = 100
DEFAULT_FILE = "/tmp/hypertune/output.metrics"
Listener = Callable[[Mapping[str, Any]], None]


def tuner_reports(environment: Mapping[str, str]) -> tuple[Listener, ...]:
    """Who is to be told of each line of the history: the tuner, where this run is a trial."""
    trial = environment.get("CLOUD_ML_TRIAL_ID")
    if not trial:
        return ()
    path = Path(environment.get("CLOUD_ML_HP_METRIC_FILE", DEFAULT_FILE))
    lines: list[str] = []

    def report(line: Mapping[str, Any]) -> None:
        if "epoch" not in line:
            return
        lines.extend(metric_lines(line, trial, time.time()))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "".join(lines[-LINES_AT_MOST:]))

    return (report,)


def metric_lines(line: Mapping[str, Any], trial: str, now: float) -> list[str]:
    """What an epoch is evaluated to: `eval_loss`, and each head's under `eval/HEAD`. All metrics
    would leave no room in the file for earlier epochs."""
    told = ("eval_loss", "eval/")
    evaluated = {name: value for name, value in scalars(line) if name.startswith(told)}
    return [
        json.dumps(
            {
                "timestamp": now,
                "trial": trial,
                name: str(value),
                "global_step": str(line["steps"]),
                "checkpoint_path": "",
            },
            sort_keys=True,
        )
        + "\n"
        for name, value in evaluated.items()
    ]
