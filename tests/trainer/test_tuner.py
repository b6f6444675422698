"""Reports to a tuner: lines as the cloudml-hypertune package writes them."""

import json
from pathlib import Path

from trainer.tuner import LINES_AT_MOST, metric_lines, tuner_reports

LINE = {"epoch": 2, "steps": 20, "eval_loss": 1.5, "eval": {"label": 0.25}, "train": {"label": 9.0}}


def test_a_line_has_the_fields_that_the_tuner_reads() -> None:
    lines = [json.loads(line) for line in metric_lines(LINE, "7", 12.5)]
    common = {"timestamp": 12.5, "trial": "7", "global_step": "20", "checkpoint_path": ""}
    assert lines == [{**common, "eval_loss": "1.5"}, {**common, "eval/label": "0.25"}]


def test_a_trial_keeps_its_last_lines_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "made" / "output.metrics"
    trial = {"CLOUD_ML_TRIAL_ID": "7", "CLOUD_ML_HP_METRIC_FILE": str(path)}
    [report] = tuner_reports(trial)
    report({"before_epoch": 1, "phases": []})
    assert not path.exists()
    for epoch in range(60):
        report({**LINE, "epoch": epoch, "steps": epoch})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == LINES_AT_MOST
    assert [line["global_step"] for line in lines] == [str(n // 2) for n in range(20, 120)]


def test_a_run_that_is_no_trial_reports_nothing() -> None:
    assert tuner_reports({"CLOUD_ML_HP_METRIC_FILE": "/nowhere"}) == ()
