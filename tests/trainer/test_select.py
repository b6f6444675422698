"""Epochs judged by a metric of a head: in the spec, in a run, and in what it leaves behind."""

import json
from pathlib import Path

import pytest
from tiny_data import tiny_data, tiny_spec

from pipeline.failures import Failure
from pipeline.manifest import verify
from trainer.task import run


def test_a_run_keeps_the_weights_of_the_best_epoch_by_its_metric(tmp_path: Path) -> None:
    """And its history has all metrics of each epoch."""
    said = {
        "label: {kind: classification, vocabulary: labels}":
            "label: {kind: classification, vocabulary: labels, select: ndcg@5}",
        "epochs: 3, batch_size: 16, learning_rate: 0.01":
            "epochs: 6, batch_size: 16, learning_rate: 0.3",
    }  # fmt: skip
    tiny_data(tmp_path / "data", spec=tiny_spec(replace=said))
    run(["--data", str(tmp_path / "data"), "--output", str(tmp_path / "run")])
    lines = map(json.loads, (tmp_path / "run" / "history.jsonl").read_text().splitlines())
    epochs = [line for line in lines if "epoch" in line]
    judged = [line["selected"] for line in epochs]
    assert judged == [line["eval_metrics"]["label"]["ndcg@5"] for line in epochs]
    assert {"accuracy@1", "accuracy@5", "ndcg@10", "mean_reciprocal_rank"} <= set(
        epochs[0]["eval_metrics"]["label"]
    )
    ended = verify(tmp_path / "run", stage="run").facts["ended"]
    assert ended["kept"] == 1 + judged.index(max(judged))
    assert ended["selected"] == "ndcg@5 of label"


def test_the_last_weights_are_kept_on_request_after_all_epochs(tmp_path: Path) -> None:
    """Whatever `patience` says: with this rate most epochs are worse than the one before."""
    said = {
        "epochs: 3, batch_size: 16, learning_rate: 0.01, patience: null":
            "epochs: 6, batch_size: 16, learning_rate: 0.3, patience: 1, keep: last",
    }  # fmt: skip
    tiny_data(tmp_path / "data", spec=tiny_spec(replace=said))
    run(["--data", str(tmp_path / "data"), "--output", str(tmp_path / "run")])
    lines = map(json.loads, (tmp_path / "run" / "history.jsonl").read_text().splitlines())
    losses = [line["eval_loss"] for line in lines if "epoch" in line]
    assert len(losses) == 6 and min(losses) < losses[-1]
    assert verify(tmp_path / "run", stage="run").facts["ended"]["kept"] is None
    found = json.loads((tmp_path / "run" / "metrics.json").read_text())["eval"]
    last = json.loads((tmp_path / "run" / "history.jsonl").read_text().splitlines()[-1])
    for head, metrics in last["eval_metrics"].items():
        assert {name: found[head][name] for name in metrics} == pytest.approx(metrics, rel=1e-5)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("select: ndcg@7", r"must be one of log_loss, accuracy@1"),
        ("select: auc", r"must be one of log_loss"),
    ],
)
def test_a_metric_that_the_head_does_not_have_is_refused(said: str, message: str) -> None:
    head = "label: {kind: classification, vocabulary: labels"
    with pytest.raises(Failure, match=message):
        tiny_spec(replace={head: f"{head}, {said}"})


def test_one_head_decides() -> None:
    label, ends = "label: {kind: classification, vocabulary: labels", "ends: {kind: binary"
    said = {label: f"{label}, select: ndcg@10", ends: f"{ends}, select: auc"}
    with pytest.raises(Failure, match=r"heads\.ends\.select: epochs are judged by one metric"):
        tiny_spec(replace=said)
