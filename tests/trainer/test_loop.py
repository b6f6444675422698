"""The loop: when it stops, what it keeps, and that a killed run ends with the same weights."""

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tiny_data import tiny_data, tiny_spec

from pipeline.console.progress import Progress
from pipeline.failures import Exit, Failure
from trainer.data import Batch
from trainer.data_folder import read_data
from trainer.evaluation import results_step
from trainer.reporting.history import History
from trainer.reporting.tables import Ended
from trainer.run import Run, open_run
from trainer.training.loop import LoopSettings, train
from trainer.training.train import sampled_steps, train_run, train_step
from trainer.training.train_state import Judged, TrainState
from trainer.training.train_step import Step, make_step

STEPS = 3


def train_state() -> TrainState:
    weight = tf.Variable(0.0)
    losses = tf.Variable(tf.zeros([1], tf.float64))
    return TrainState(tf.Variable(0, dtype=tf.int64), (weight,), (tf.Variable(0.0),), losses)


def settings(**changes: Any) -> LoopSettings:
    said: dict[str, Any] = {
        "epochs": 4,
        "rows": 2 * STEPS,
        "batch_size": 2,
        "rate": lambda _: 0.5,
        "patience": 1,
        "shown": {"label": ["accuracy@1"]},
    }
    return LoopSettings(**(said | changes))


class Script:
    """A step that adds 1 to the weight and loses `loss(step)`, and an evaluation that reads its
    losses from a list. It notes what is called."""

    def __init__(
        self, state: TrainState, judged: list[float], loss: Callable[[int], float]
    ) -> None:
        self.train_state, self.judged, self.loss = state, judged, loss
        self.said: list[str] = []

    def step(self, batch: Batch, rate: tf.Tensor) -> dict[str, tf.Tensor]:
        loss = self.loss(int(self.train_state.step))
        self.train_state.step.assign_add(1)
        self.train_state.weights[0].assign_add(1.0)
        self.said.append("step")
        return {"label": tf.constant(loss)}

    def evaluate(self) -> Judged:
        self.said.append("evaluate")
        loss = self.judged.pop(0)
        return Judged(loss, {}, {"label": {"accuracy@1": 1 / (1 + loss)}})

    def before_epoch(self, epoch: int) -> dict[str, Any]:
        self.said.append(f"before {epoch}")
        return {"phase": epoch}

    def save(self) -> None:
        self.said.append("save")

    def train(self, history: Path, said: LoopSettings, **functions: Any) -> Ended:
        usual = {
            "make_step": lambda: self.step,
            "batches": lambda _, skip: [None] * (said.steps - skip),
            "evaluate": self.evaluate,
            "save": self.save,
        }
        told = History(history, str(history.with_name("events")))
        return train(self.train_state, said, heads=["label"], history=told, **(usual | functions))


def script(judged: list[float], loss: Callable[[int], float] = lambda _: 1.0) -> Script:
    return Script(train_state(), judged, loss)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_it_stops_when_eval_no_longer_improves_and_keeps_the_best_weights(tmp_path: Path) -> None:
    made = script([3.0, 2.0, 2.5, 1.0])
    made.train(tmp_path / "history", settings())
    assert [line["best"] for line in lines(tmp_path / "history")] == [True, True, False]
    assert float(made.train_state.weights[0]) == 2 * STEPS


def test_each_epoch_and_the_end_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = script([3.0, 1.0, 2.5, 1.0]).train(tmp_path / "history", settings())
    said = capsys.readouterr().err
    first = "after epoch 1 of 4: held-out loss 3, the lowest so far; label: accuracy@1 0.25"
    assert first in said.splitlines()
    assert "after epoch 3 of 4: held-out loss 2.5; label: accuracy@1 0.2857" in said
    assert lines(tmp_path / "history")[0]["eval_metrics"] == {"label": {"accuracy@1": 0.25}}
    assert ended == Ended(epochs=3, of=4, waited=1, kept=2, held_out_loss=1.0)
    assert "(patience); the weights of epoch 2 are kept" in ended.line()
    to_the_end = script([4.0, 3.0]).train(tmp_path / "other", settings(epochs=2))
    assert "all are done; the weights of epoch 2 are kept" in to_the_end.line()
    unjudged = script([]).train(tmp_path / "none", settings(epochs=2), evaluate=None)
    assert unjudged.kept is None and "the last weights are kept" in unjudged.line()


def test_a_selected_metric_says_which_weights_are_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the loss says otherwise."""
    made, accuracies = script([3.0, 2.0, 1.0, 0.5]), [0.2, 0.5, 0.4, 0.3]

    def evaluate() -> Judged:
        value = accuracies.pop(0)
        return made.evaluate()._replace(selected=value, shortfall=-value)

    said = settings(patience=2, selected="accuracy@1 of label")
    ended = made.train(tmp_path / "history", said, evaluate=evaluate)
    assert float(made.train_state.weights[0]) == 2 * STEPS
    assert ended.kept == 2
    assert ended.line().endswith("weights of epoch 2 are kept, with a held-out accuracy@1 of label"
                                 " of 0.5")  # fmt: skip
    history = lines(tmp_path / "history")
    assert [line["selected"] for line in history] == [0.2, 0.5, 0.4, 0.3]
    assert [line["best"] for line in history] == [True, True, False, False]
    told = "held-out loss 2, accuracy@1 of label 0.5, the best so far; label: accuracy@1 0.3333"
    assert told in capsys.readouterr().err


def test_the_last_weights_are_kept_on_request(tmp_path: Path) -> None:
    made = script([1.0, 2.0, 3.0, 4.0])
    ended = made.train(tmp_path / "history", settings(patience=None, keeps_last=True))
    assert float(made.train_state.weights[0]) == 4 * STEPS
    assert ended.kept is None
    assert ended.line().endswith("the last weights are kept, as the spec asks")
    assert "eval_loss" in lines(tmp_path / "history")[-1]


def test_the_time_left_is_that_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A step takes a second, and what is between two epochs ten."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr("trainer.training.loop.Progress", partial(Progress, clock=lambda: now[0]))
    made = script([3.0, 2.0, 1.0])

    def step(batch: Batch, rate: tf.Tensor) -> dict[str, tf.Tensor]:
        now[0] += 1
        return made.step(batch, rate)

    def evaluate() -> Judged:
        now[0] += 10
        return made.evaluate()

    made.train(tmp_path / "history", settings(epochs=3), make_step=lambda: step, evaluate=evaluate)
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("epoch")]
    left = [line.split(" steps/s, ")[1].split(" left")[0] for line in told]
    # Two epochs of 3 s; then one and two pauses; then a pause.
    assert left == ["0:06", "0:23", "0:10"]


def test_the_last_epoch_may_be_cut_short(tmp_path: Path) -> None:
    made = script([4.0, 3.0, 2.0])
    ended = made.train(tmp_path / "history", settings(epochs=3, last_step=2 * STEPS + 1))
    assert int(made.train_state.step) == 2 * STEPS + 1
    assert made.said[-3:] == ["step", "evaluate", "save"] and ended.why == "all are done"
    assert lines(tmp_path / "history")[-1]["train"] == {"label": 1.0}


def test_when_the_time_is_up_it_ends_with_the_step_and_judges_it(tmp_path: Path) -> None:
    made = script([4.0, 3.0])
    ended = made.train(
        tmp_path / "history",
        settings(),
        time_is_up=lambda: int(made.train_state.step) >= STEPS + 1,
    )
    assert int(made.train_state.step) == STEPS + 1
    assert (ended.kept, ended.time_was_up, ended.why) == (2, True, "the time was up")
    again = made.train(tmp_path / "history", settings(), time_is_up=lambda: True)
    assert int(made.train_state.step) == STEPS + 1 and again == ended


def test_without_patience_it_runs_to_the_end(tmp_path: Path) -> None:
    made = script([1.0, 2.0, 3.0, 4.0])
    made.train(tmp_path / "history", settings(patience=None))
    assert len(lines(tmp_path / "history")) == 4


def test_without_eval_rows_it_keeps_the_last_weights(tmp_path: Path) -> None:
    made = script([])
    made.train(tmp_path / "history", settings(), evaluate=None)
    assert float(made.train_state.weights[0]) == 4 * STEPS


def test_averages_are_judged_and_kept_while_training_goes_on_from_the_weights(
    tmp_path: Path,
) -> None:
    made = script([3.0, 2.0])
    weight, average = made.train_state.weights[0], tf.Variable(0.0)
    made.train_state = replace(made.train_state, averages=((weight, average),))
    judged, left = [], []

    def evaluate() -> Judged:
        judged.append(float(weight))
        return made.evaluate()

    def step(batch: Batch, rate: tf.Tensor) -> dict[str, tf.Tensor]:
        found = made.step(batch, rate)
        left.append(float(weight))
        average.assign(weight / 10)
        return found

    made.train(tmp_path / "history", settings(epochs=2), make_step=lambda: step, evaluate=evaluate)
    assert left == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert judged == pytest.approx([0.3, 0.6])
    assert float(weight) == pytest.approx(0.6)


def test_due_phases_run_before_the_steps_of_an_epoch_and_are_in_the_history(tmp_path: Path) -> None:
    made = script([3.0, 2.0])
    made.train(tmp_path / "history", settings(epochs=2), before_epoch=made.before_epoch)
    epoch = ["save", "step", "step", "step", "evaluate", "save"]
    assert made.said == ["before 0", *epoch, "before 1", *epoch]
    history = [(line.get("phase"), line.get("epoch")) for line in lines(tmp_path / "history")]
    assert history == [(0, None), (None, 1), (1, None), (None, 2)]


def test_what_was_written_after_the_last_checkpoint_is_dropped_the_half_line_too(
    tmp_path: Path,
) -> None:
    said = [{"before_epoch": 1}, {"epoch": 1}, {"before_epoch": 2}, {"before_epoch": 3}]
    history = tmp_path / "history"
    history.write_text("".join(json.dumps(line) + "\n" for line in said) + '{"epo')
    History(history, str(tmp_path)).trim(finished=1, begun=2)
    assert lines(history) == said[:3]


class Slow:
    """Batches that are slow to end and slow to go."""

    def __init__(self, count: int) -> None:
        self.left = count

    def __iter__(self) -> "Slow":
        return self

    def __next__(self) -> None:
        self.left -= 1
        if self.left < 0:
            time.sleep(0.1)
            raise StopIteration

    def __del__(self) -> None:
        time.sleep(0.2)


def test_the_end_of_an_epoch_is_waiting_too(tmp_path: Path) -> None:
    """The reader of an epoch may be slow to end, and slow to be let go of."""
    made = script([3.0, 2.0])
    slow = {"batches": lambda _, skip: Slow(STEPS - skip)}
    made.train(tmp_path / "history", settings(epochs=2), **slow)
    for line in lines(tmp_path / "history"):
        pace = line["pace"]["exact"]
        assert pace["seconds"] * pace["share_waiting_for_data"] > 0.29


def test_a_signal_to_end_is_told_before_anything_is_let_go_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def loss(step: int) -> float:
        terminate()
        return 1.0

    made = script([3.0], loss)
    with pytest.raises(SystemExit):
        made.train(tmp_path / "history", settings(epochs=1))
    assert "train: ended by SIGTERM after step 1; the same command" in capsys.readouterr().err


def test_a_signal_to_end_does_not_wait_for_a_phase(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = script([3.0])

    def endless(epoch: int) -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("the signal came too late")

    with pytest.raises(SystemExit) as ended:
        made.train(tmp_path / "history", settings(epochs=1), before_epoch=endless)
    assert ended.value.code == 143
    assert "ended by SIGTERM in a phase" in capsys.readouterr().err
    assert int(made.train_state.begun) == 0


def test_a_phase_that_was_done_before_a_kill_is_not_done_again(tmp_path: Path) -> None:
    made = script([3.0])
    made.train_state.begun.assign(1)
    made.train(tmp_path / "history", settings(epochs=1), before_epoch=made.before_epoch)
    assert "before 0" not in made.said


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows(tmp_path: Path) -> None:
    # Five rows in batches of two: the step divides the last, single row by two as well.
    made = script([3.0], lambda step: [2.0, 4.0, 4.5][step])
    made.train(tmp_path / "history", settings(epochs=1, rows=5))
    expected = (2 * 2.0 + 2 * 4.0 + 2 * 4.5) / 5
    assert lines(tmp_path / "history")[0]["train"]["label"] == pytest.approx(expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_first_loss_that_is_not_finite_ends_it_and_is_named(tmp_path: Path, bad: float) -> None:
    made = script([3.0] * 4, lambda step: bad if step == 4 else 1.0)
    with pytest.raises(Failure, match=r"heads\.label.*step 5 \(epoch 2\)") as failed:
        made.train(tmp_path / "history", settings())
    assert failed.value.exit_code == Exit.FAULT


def test_lines_of_epochs_that_were_not_saved_are_dropped(tmp_path: Path) -> None:
    (tmp_path / "history").write_text('{"epoch": 1}\n{"epoch": 2}\n')
    made = script([3.0])
    made.train_state.finished.assign(1)
    made.train_state.step.assign(STEPS)
    made.train(tmp_path / "history", settings(epochs=2))
    assert [line["epoch"] for line in lines(tmp_path / "history")] == [1, 2]


SAMPLED = ", sampled: {share: 0.75, negatives: 2}"


def tiny_run(folder: Path, more: str = "") -> Run:
    """With all that a run can carry from step to step: dropout, decay and averages."""
    said = {
        "trunk: {layers: [8]}": "trunk: {layers: [8], dropout: 0.4}",
        "patience: null": "patience: null, averaging: 0.9, weight_decay: 0.01" + more,
    }
    spec = tiny_spec(replace=said)
    if not folder.exists():
        tiny_data(folder, spec=spec)
    return open_run(read_data(folder), spec)[0]


def interrupted(
    make_step: Callable[..., Step], at: int, how: Callable[[], None], taken: list[int]
) -> Any:
    """Something happens to the step number `at`; those that are taken are noted."""

    def made(*arguments: Any, **named: Any) -> Step:
        step, calls = make_step(*arguments, **named), iter(range(1, 1_000))

        def counted(batch: Batch, rate: tf.Tensor) -> dict[str, tf.Tensor]:
            if next(calls) == at:
                how()
            taken.append(at)
            return step(batch, rate)

        return counted

    return made


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def crash() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("more", ["", SAMPLED], ids=["exact", "sampled"])
def test_killed_runs_end_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    data = tmp_path / "data"
    whole = tiny_run(data, more)
    train_run(whole, tmp_path)
    work = tmp_path / "killed"
    work.mkdir()
    taken: list[int] = []
    for at, how, ends_with in ((8, terminate, SystemExit), (4, crash, KeyboardInterrupt)):
        steps = interrupted(make_step, at, how, taken)
        monkeypatch.setattr("trainer.training.train.make_step", steps)
        with pytest.raises(ends_with) as ended:
            train_run(tiny_run(data, more), work)
        if how is terminate:
            assert ended.value.args == (143,)
    steps = interrupted(make_step, 0, crash, taken)
    monkeypatch.setattr("trainer.training.train.make_step", steps)
    resumed = tiny_run(data, more)
    train_run(resumed, work)
    for name, variable in whole.state().items():
        np.testing.assert_array_equal(variable, resumed.state()[name], err_msg=name)
    for line, same in zip(
        lines(tmp_path / "history.jsonl"), lines(work / "history.jsonl"), strict=True
    ):
        for key in ("epoch", "train", "eval", "eval_loss", "best", "steps"):
            assert line[key] == same[key]
    # SIGTERM costs no step, and a kill those since the epoch began at most.
    epochs = lines(tmp_path / "history.jsonl")
    assert 0 < len(taken) - epochs[-1]["steps"] <= epochs[0]["steps"]
    assert taken.count(8) == 8


def test_a_run_samples_its_first_steps_and_ends_with_exact_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, said = tiny_run(tmp_path / "data", SAMPLED), []
    assert list(run.samplers) == ["label"]  # the other heads have too few classes

    def told(*arguments: Any, **named: Any) -> Step:
        def step(batch: Batch, rate: tf.Tensor) -> dict[str, tf.Tensor]:
            run.optimizer.step.assign_add(1)
            said.append("sampled" if arguments[5:] else "exact")
            return {}

        return step

    monkeypatch.setattr("trainer.training.train.make_step", told)
    step = train_step(run, sampled_steps(run, total_steps=4))
    batch = next(iter(run.batches("train")))
    for _ in range(4):
        step(batch, tf.constant(0.1))
    assert said == 3 * ["sampled"] + ["exact"]


def test_the_history_tells_the_pace_of_sampled_and_of_exact_steps(tmp_path: Path) -> None:
    made = script([1.0])
    made.train(tmp_path / "history.jsonl", settings(epochs=1, patience=None, sampled=1))
    (line,) = lines(tmp_path / "history.jsonl")
    assert list(line["pace"]) == ["sampled", "exact"]
    waiting = [pace["share_waiting_for_data"] for pace in line["pace"].values()]
    assert all(0 <= share <= 1 for share in waiting)


def test_the_rows_of_the_next_epoch_are_asked_for_before_the_held_out_ones_are_judged(
    tmp_path: Path,
) -> None:
    made, said = script([2.0, 1.0]), settings(epochs=2)

    def batches(epoch: int, skip: int) -> list[None]:
        made.said.append(f"rows {epoch}")
        return [None] * (said.steps - skip)

    made.train(tmp_path / "history.jsonl", said, batches=batches)
    kept = [what for what in made.said if what.startswith("rows") or what == "evaluate"]
    assert kept == ["rows 0", "rows 1", "evaluate", "evaluate"]


@pytest.mark.parametrize("more", ["", SAMPLED], ids=["exact", "sampled"])
def test_a_whole_step_compiles_to_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    results, data = [], tiny_data(tmp_path / "data")
    spec = tiny_spec(replace={"patience: null": f"patience: null, weight_decay: 0.5{more}"})
    for devices in ([], ["a GPU"]):
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda _, found=devices: found)
        run = open_run(read_data(data), spec)[0]
        parts = (run.network, run.optimizer, run.losses, run.signature())
        step = make_step(*parts, samplers=run.samplers)
        means = step(next(iter(run.batches("train"))), tf.constant(0.01))
        results.append([*means.values(), *run.optimizer.variables])
    for compiled, plain in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-4, atol=1e-5)


def test_the_functions_are_traced_once(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "data")
    step: Any = make_step(run.network, run.optimizer, run.losses, run.signature())
    results: Any = results_step(run)
    for batch in run.batches("train"):
        step(batch, tf.constant(0.1))
        results(batch)
    assert step.experimental_get_tracing_count() == 1
    assert results.experimental_get_tracing_count() == 1
