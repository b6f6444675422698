"""The tables that a run prints say what the history and the metrics say."""

from typing import Any

from trainer.reporting.tables import (
    below_baselines,
    below_lines,
    metrics_table,
    phase_line,
    phase_summary,
)


def phase(
    block: str, accepted: bool, objective: list[float], held_out: list[float | None]
) -> dict[str, object]:
    return {
        "block": block,
        "method": "kfac",
        "epochs_done": 2,
        "accepted": accepted,
        "seconds": 3.0,
        "evaluations": 4,
        "objective": objective,
        "held_out_loss": held_out,
    }


def test_the_gain_of_phases_is_the_sum_over_those_that_were_kept() -> None:
    lines: list[dict[str, Any]] = [
        {"epoch": 1, "seconds": 30.0},
        {"before_epoch": 2, "phases": [phase("common", True, [2.0, 1.5], [1.0, 0.9])]},
        {"epoch": 2, "seconds": 30.0},
        {"before_epoch": 3, "phases": [phase("common", False, [1.4, 1.0], [0.8, 0.9])]},
        {"before_epoch": 4, "phases": [phase("common", True, [1.4, 1.3], [0.8, 0.75])]},
    ]
    _, row = phase_summary(lines).splitlines()
    assert row.split() == ["common", "2", "of", "3", "9.0", "15%", "0.6", "0.15"]


def test_a_run_without_phases_says_nothing_of_them() -> None:
    assert phase_summary([{"epoch": 1, "seconds": 30.0}]) == ""


def test_a_phase_is_one_line_with_its_outcome() -> None:
    assert phase_line(phase("common", False, [2.0, 1.5], [None, None])) == (
        "phase of common by kfac after epoch 2: objective 2 to 1.5, taken back; "
        "4 evaluations, 3.0 s"
    )


def test_test_is_shown_on_request_only() -> None:
    metrics: dict[str, Any] = {
        "eval": {"next": {"accuracy@1": 0.5}},
        "test": {"next": {"accuracy@1": 0.25}},
        "baselines": {"next": {"constant": {"eval": {"accuracy@1": 0.125}}}},
    }
    usual = metrics_table(metrics)
    assert "next (eval)" in usual and "0.5000" in usual and "0.1250" in usual
    assert "next (test)" not in usual and "--show-test" in usual
    both = metrics_table(metrics, show_test=True)
    assert both.index("next (eval)") < both.index("next (test)") and "--show-test" not in both
    del metrics["test"]
    assert "--show-test" not in metrics_table(metrics)
    assert metrics_table({"baselines": {}}).startswith("no held-out rows")


def test_metrics_that_no_prediction_can_miss_are_not_shown() -> None:
    model = {"log_loss": 0.5, "accuracy@1": 0.75, "accuracy@5": 1.0, "ndcg@10": 0.9}
    metrics: dict[str, Any] = {"eval": {"kind": model}, "baselines": {}}
    told = {labels: metrics_table(metrics, {"kind": labels}) for labels in (1, 3, 5, 6, 11)}
    assert [("accuracy@5" in said, "ndcg@10" in said) for said in told.values()] == [
        *[(False, False)] * 3,
        (True, False),
        (True, True),
    ]
    assert all("accuracy@1 " in said and "log loss" in said for said in told.values())
    assert all("-" not in said.splitlines()[0] for said in told.values())


def test_a_model_that_is_below_a_baseline_in_anything_says_so() -> None:
    model = {"targets": 60, "log_loss": 4.1, "accuracy@1": 0.1, "accuracy@5": 0.3}
    constant = {"log_loss": 5.0, "accuracy@1": 0.2, "accuracy@5": 0.3}
    given = {"log_loss": 4.5, "accuracy@1": 0.05, "accuracy@5": 0.4}
    good = {"log_loss": 0.1, "expected_calibration_error": 0.5}
    none = {"log_loss": 0.7, "expected_calibration_error": 0.0}
    metrics: dict[str, Any] = {
        "eval": {"label": given, "kind": good},
        "test": {"label": model, "kind": good},
        "baselines": {
            "label": {"constant": {"test": constant}, "strongest_input": {"test": given}},
            "kind": {"constant": {"test": none}, "strongest_input": {"input": None}},
        },
    }
    below = below_baselines(metrics, {"label": "classification", "kind": "binary"})
    assert below == {"eval": {}, "test": {"label": ["accuracy@1", "accuracy@5"]}}
    metrics["below_baseline"] = below
    assert below_lines(metrics) == ""
    lines = below_lines(metrics, show_test=True)
    assert lines == "label is below a baseline in accuracy@1, accuracy@5 (test)"
