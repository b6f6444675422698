"""A run in MLflow, where `MLFLOW_TRACKING_URI` says where that is.

Parameters are the spec's training settings, metrics the numbers of the history and of
metrics.json, the spec is an artefact. A run that is resumed goes on in the same MLflow run.
"""

import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.failures import Exit, Failure
from pipeline.folders.prepared import SPEC
from pipeline.spec import Spec
from trainer.reporting.history import scalars

RUN_FILE = "mlflow-run.json"


def _nobody(metrics: Mapping[str, Any]) -> None:
    """Who is told where nobody is."""


@dataclass(frozen=True)
class Tracking:
    """Who is to be told of each line of the history, and of the metrics at the end."""

    epochs: tuple[Callable[[Mapping[str, Any]], None], ...] = ()
    result: Callable[[Mapping[str, Any]], None] = _nobody


@contextmanager
def tracked(spec: Spec, work: Path, environment: Mapping[str, str]) -> Iterator[Tracking]:
    """Raises Failure with exit code 6 where MLflow is asked for and not installed."""
    if not environment.get("MLFLOW_TRACKING_URI"):
        yield Tracking()
        return
    if importlib.util.find_spec("mlflow") is None:
        rule = "MLFLOW_TRACKING_URI needs MLflow: pip install 'shared-weights[tracking]'"
        raise Failure(Exit.ENVIRONMENT, rule)
    import mlflow
    from mlflow.exceptions import MlflowException

    known = work / RUN_FILE
    earlier = json.loads(known.read_text(encoding="utf-8")) if known.exists() else {}
    try:
        mlflow.set_experiment(environment.get("MLFLOW_EXPERIMENT_NAME", spec.name))
        started = mlflow.start_run(run_id=earlier.get("run_id"))
    except MlflowException as error:
        rule = "the store of MLFLOW_TRACKING_URI must take the run"
        raise Failure(Exit.ENVIRONMENT, rule, received=error) from None
    with started as active:
        if not earlier:
            known.write_text(json.dumps({"run_id": active.info.run_id}), encoding="utf-8")
            mlflow.log_params(parameters(spec))
            mlflow.log_text(spec.to_json(), SPEC)

        def epoch(line: Mapping[str, Any]) -> None:
            at = line.get("epoch", line.get("before_epoch"))
            mlflow.log_metrics(dict(_named(scalars(line))), step=at)

        def result(metrics: Mapping[str, Any]) -> None:
            mlflow.log_metrics(dict(_named(scalars(metrics))))

        yield Tracking((epoch,), result)


def parameters(spec: Spec) -> dict[str, Any]:
    """The training settings by their place in the spec."""
    return {f"training.{name}": value for name, value in spec.training.model_dump().items()}


def _named(found: Iterator[tuple[str, float]]) -> Iterator[tuple[str, float]]:
    """MLflow allows no @ in a name.

    >>> dict(_named(iter([("test/label/accuracy@10", 0.5)])))
    {'test/label/accuracy at 10': 0.5}
    """
    for name, value in found:
        yield name.replace("@", " at "), value
