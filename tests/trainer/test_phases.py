"""Phases: the objective is exact, only its block moves, it never rises, and it can be resumed."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from tiny_data import tiny_data, tiny_examples, tiny_spec, write_data

import trainer.phases
from trainer.data_folder import read_data
from trainer.evaluation import make_held_out_loss
from trainer.network import shared_group
from trainer.phases import Block, PhaseObjective, make_block, phase_objective, run_phase, state_hash
from trainer.phases.descent import Descent
from trainer.phases.schedule import phase_plans
from trainer.run import Run, open_run
from trainer.training.due_phases import make_due_phases, phase_rows
from trainer.training.train import train_run
from trainer.training.train_step import make_step

Array = NDArray[np.float64]
UNITS = "common: {units: 5}"


def spec_with(phases: str) -> Any:
    return tiny_spec(replace={UNITS: f"common: {{units: 5, phases: {phases}}}"})


def run_with(phases: str, folder: Path) -> Run:
    spec = spec_with(phases)
    return open_run(read_data(tiny_data(folder, spec=spec)), spec)[0]


def block_of(run: Run) -> Block:
    [plan] = phase_plans(run.spec)
    return make_block(plan, run.network, run.losses, run.optimizer, run.signature(), run.state())


def objective_of(run: Run) -> PhaseObjective:
    block = block_of(run)
    return phase_objective(block, phase_rows(run, block.plan, 1).batches)


def double(variable: tf.Variable) -> Array:
    return np.asarray(variable.numpy(), np.float64)


def shared(run: Run) -> Array:
    [matrix] = run.network.groups[shared_group("common")]
    return double(matrix)


def weights_of(run: Run) -> dict[str, Any]:
    return {name: v.numpy() for name, v in run.network.state().items()}


def assert_equal_weights(one: Run, other: Run) -> None:
    for name, value in weights_of(one).items():
        np.testing.assert_array_equal(value, weights_of(other)[name], err_msg=name)


def numpy_objective(run: Run, matrix: Array) -> float:
    """The objective once more, in float64 numpy, over all train rows at once."""
    parts = list(run.batches("train").as_numpy_iterator())
    rows = np.concatenate([p.weights for p in parts]) > 0

    def column(pick: Any) -> Any:
        return np.asarray(np.concatenate([pick(p) for p in parts]))[rows]

    weights: Array = column(lambda p: p.weights).astype(np.float64)
    [table] = [double(v) for v in run.network.groups["tables"]]
    kernel, bias = map(double, run.network.groups["trunk"])
    word = table[column(lambda p: p.features["word"])] @ matrix
    before = (table[column(lambda p: p.features["before"])] @ matrix).reshape(len(word), -1)
    size = np.stack([column(lambda p, n=n: p.features[n]) for n in ("size", "size.missing")], 1)
    hidden = np.maximum(np.concatenate([word, before, size], 1) @ kernel + bias, 0)
    total = 0.0
    for name, head in run.network.heads.items():
        target: Array = column(lambda p, n=name: p.targets[n]).astype(np.float64)
        there = ~np.isnan(target) & (target != -1 if head.part.kind == "classification" else True)
        z = hidden @ double(head.kernel).T + double(head.bias)
        loss = row_losses(head.part.kind, z[there], target[there])
        mean = (weights[there] * loss).sum() / weights[there].sum()
        total += run.losses[name].scale * mean
    return float(total)


def row_losses(kind: str, z: Array, target: Array) -> Array:
    if kind == "classification":
        own = z[np.arange(len(z)), target.astype(int)]
        return np.log(np.exp(z).sum(axis=1)) - own
    if kind == "binary":
        return np.log1p(np.exp(z[:, 0])) - target * z[:, 0]
    return (z[:, 0] - target) ** 2


def test_the_objective_in_chunks_is_the_formula_over_all_rows(tmp_path: Path) -> None:
    run = run_with("{every: 1, rows: all}", tmp_path / "data")
    value, _ = objective_of(run)(shared(run).ravel())
    assert value == pytest.approx(numpy_objective(run, shared(run)), rel=1e-6)


def test_the_gradient_is_that_of_finite_differences_in_float64(tmp_path: Path) -> None:
    run = run_with("{every: 1, rows: all}", tmp_path / "data")
    start, step = shared(run), 1e-6
    _, gradient = objective_of(run)(start.ravel())
    expected = np.zeros_like(start)
    for at in np.ndindex(*start.shape):
        up, down = start.copy(), start.copy()
        up[at] += step
        down[at] -= step
        expected[at] = (numpy_objective(run, up) - numpy_objective(run, down)) / (2 * step)
    error = np.abs(gradient - expected.ravel()).max() / np.abs(expected).max()
    assert error < 1e-5


MORE_HEADS = """heads:
  tags: {kind: multilabel, vocabulary: labels}
  visits: {kind: count}
"""


def run_with_every_head(batch_size: int, folder: Path) -> Run:
    """All five kinds of head, targets missing in each, rows of unlike weight."""
    spec = tiny_spec(
        replace={
            UNITS: "common: {units: 5, phases: {every: 1, rows: all}}",
            "heads:\n": MORE_HEADS,
            "batch_size: 16": f"batch_size: {batch_size}",
        }
    )
    draw = np.random.default_rng(0)

    def with_targets(example: Any) -> Any:
        tags = [[-1], [], [0, 3], [2]][draw.integers(4)]
        visits = [float("nan"), 0.0, 1.0, 4.0][draw.integers(4)]
        return {**example, "tags": tags, "visits": [visits]}

    rows = {
        split: [with_targets(e) for e in tiny_examples(n, seed=n)]
        for split, n in (("train", 70), ("eval", 20))
    }
    return open_run(read_data(write_data(folder, spec, rows)), spec)[0]


def test_the_gradient_in_chunks_is_the_one_over_all_rows_for_every_kind_of_head(
    tmp_path: Path,
) -> None:
    chunked, whole = (run_with_every_head(n, tmp_path / str(n) / "data") for n in (16, 70))
    assert_equal_weights(chunked, whole)
    assert {head.part.kind for head in whole.network.heads.values()} == {
        *("classification", "multilabel", "binary", "regression", "count")
    }
    start = shared(whole).ravel()
    value, gradient = objective_of(chunked)(start)
    one_value, one_gradient = objective_of(whole)(start)
    assert value == pytest.approx(one_value, rel=1e-6)
    assert np.linalg.norm(gradient - one_gradient) < 1e-5 * np.linalg.norm(one_gradient)


@pytest.mark.parametrize("method", ["steps", "lbfgs", "kfac"])
@pytest.mark.parametrize("between", ["frozen", "joint"])
def test_a_phase_lowers_its_objective_and_moves_nothing_else(
    method: str, between: str, tmp_path: Path
) -> None:
    phases = f"{{every: 1, method: {method}, between: {between}, accept: train}}"
    run = run_with(phases, tmp_path / "data")
    block = block_of(run)
    start, rest = shared(run), {name: v.numpy() for name, v in block.rest.items()}
    facts = run_phase(block, phase_rows(run, block.plan, 1), epochs_done=1, held_out_loss=None)
    before, after = facts["objective"]
    assert facts["accepted"] and after < before
    assert after == pytest.approx(numpy_objective(run, shared(run)), rel=1e-5)
    assert np.abs(shared(run) - start).max() > 0
    for name, value in rest.items():
        np.testing.assert_array_equal(block.rest[name].numpy(), value, err_msg=name)
    owned = {"frozen": 1, "joint": 3}[between]
    assert len(run.state()) - len(block.rest) == owned


@pytest.mark.parametrize("method", ["steps", "lbfgs", "kfac"])
def test_every_method_lowers_the_objective_of_a_shared_network_too(
    method: str, tmp_path: Path
) -> None:
    phases = f"phases: {{every: 1, method: {method}, accept: train}}"
    spec = tiny_spec(replace={UNITS: f"common: {{layers: [6, 5], {phases}}}"})
    run = open_run(read_data(tiny_data(tmp_path / "data", spec=spec)), spec)[0]
    block = block_of(run)
    start = block.flat()
    facts = run_phase(block, phase_rows(run, block.plan, 1), epochs_done=1, held_out_loss=None)
    before, after = facts["objective"]
    assert facts["accepted"] and after < before
    again = phase_objective(block, phase_rows(run, block.plan, 1).batches)
    assert again(block.flat())[0] == pytest.approx(after, rel=1e-6)
    moved = np.split(block.flat() != start, [24, 30, 60])
    assert all(part.any() for part in moved)


def test_what_a_phase_leaves_alone_covers_all_that_a_checkpoint_holds(
    tmp_path: Path,
) -> None:
    run = run_with("{every: 1, between: joint}", tmp_path / "data")
    names = set(block_of(run).rest)
    assert {"optimizer.step", "finished", "best_loss"} <= names
    assert sum(name.startswith("best.") for name in names) == len(run.train_state.weights)


def test_momentum_of_a_joint_block_is_forgotten_when_a_phase_moved_it(tmp_path: Path) -> None:
    run = run_with("{every: 1, between: joint, accept: train}", tmp_path / "data")
    block = block_of(run)
    for slot in block.own_slots:
        slot.assign(tf.ones_like(slot))
    run_phase(block, phase_rows(run, block.plan, 1), epochs_done=1, held_out_loss=None)
    assert [float(np.abs(slot).max()) for slot in block.own_slots] == [0.0]


def test_the_mean_of_a_joint_block_starts_again_where_a_phase_has_put_it(tmp_path: Path) -> None:
    phases = "{every: 1, between: joint, accept: train}"
    spec = tiny_spec(
        replace={
            UNITS: f"common: {{units: 5, phases: {phases}}}",
            "patience: null": "patience: null, averaging: 0.99",
        }
    )
    run = open_run(read_data(tiny_data(tmp_path / "data", spec=spec)), spec)[0]
    block = block_of(run)
    [(matrix, average)] = block.own_averages
    run_phase(block, phase_rows(run, block.plan, 1), epochs_done=1, held_out_loss=None)
    np.testing.assert_array_equal(average, matrix)
    others = [a.numpy() for v, a in run.train_state.averages if v is not matrix]
    assert [float(np.abs(other).max()) for other in others] == [0.0] * len(others)


def test_a_frozen_block_rests_in_train_steps_and_moves_in_phases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_with("{every: 2, accept: train}", tmp_path / "data")
    due_phases, seen = make_due_phases(run, make_held_out_loss(run)), []

    def watched(epoch: int) -> dict[str, Any]:
        before = shared(run)
        facts = due_phases(epoch)
        seen.append((before, shared(run), bool(facts)))
        return facts

    monkeypatch.setattr("trainer.training.train.make_due_phases", lambda *_: watched)
    (tmp_path / "work").mkdir()
    train_run(run, tmp_path / "work")
    assert [phase for _, _, phase in seen] == [False, False, True]
    for (_, left, _), (found, _, _) in pairwise(seen):
        np.testing.assert_array_equal(left, found)
    for found, left, phase in seen:
        assert (found != left).any() == phase


def test_phases_that_never_come_are_plain_training_bit_for_bit(tmp_path: Path) -> None:
    with_phases = run_with("{every: 9, between: joint}", tmp_path / "with")
    plain = open_run(read_data(tiny_data(tmp_path / "plain")), tiny_spec())[0]
    for name, run in (("a", with_phases), ("b", plain)):
        (tmp_path / name).mkdir()
        train_run(run, tmp_path / name)
    assert_equal_weights(with_phases, plain)


@pytest.mark.parametrize("method", ["steps", "lbfgs", "kfac"])
def test_a_run_killed_within_a_phase_ends_with_the_same_weights(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases = f"{{every: 1, method: {method}, between: joint, rows: 40}}"
    spec = spec_with(phases)
    data = read_data(tiny_data(tmp_path / "data", spec=spec))
    whole, killed, resumed = (open_run(data, spec)[0] for _ in range(3))
    work, other = tmp_path / "work", tmp_path / "other"
    work.mkdir()
    other.mkdir()
    train_run(whole, work)

    descend, calls = trainer.phases.descend, []

    def dying(*arguments: Any) -> Descent:
        calls.append(1)
        found = descend(*arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr("trainer.phases.descend", dying)
    with pytest.raises(KeyboardInterrupt):
        train_run(killed, other)
    monkeypatch.undo()
    train_run(resumed, other)
    assert_equal_weights(whole, resumed)
    lines = [(w / "history.jsonl").read_text().count("before_epoch") for w in (work, other)]
    assert lines == [2, 2]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e9])
def test_a_descent_that_ends_higher_or_nowhere_is_taken_back(
    value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_with("{every: 1}", tmp_path / "data")
    start = shared(run)
    astray = Descent(start.ravel() + 1, (1.0, value), 2, (1.0,), 1.0, 1.0)
    monkeypatch.setattr("trainer.phases.descend", lambda *_: astray)
    block = block_of(run)
    facts = run_phase(block, phase_rows(run, block.plan, 1), epochs_done=1, held_out_loss=None)
    assert not facts["accepted"]
    np.testing.assert_array_equal(shared(run), start)


def test_a_phase_that_worsens_the_held_out_loss_is_taken_back(tmp_path: Path) -> None:
    run = run_with("{every: 1}", tmp_path / "data")
    block, start, losses = block_of(run), shared(run), iter([1.0, 1.1])
    rows = phase_rows(run, block.plan, 1)
    facts = run_phase(block, rows, epochs_done=1, held_out_loss=lambda: next(losses))
    assert facts["objective"][1] < facts["objective"][0]
    assert (facts["accepted"], facts["held_out_loss"]) == (False, [1.0, 1.1])
    np.testing.assert_array_equal(shared(run), start)


def test_a_phase_that_touches_another_variable_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_with("{every: 1}", tmp_path / "data")
    block = block_of(run)

    def clumsy(*_: Any) -> Descent:
        run.network.groups["trunk"][0].assign_add(tf.ones_like(run.network.groups["trunk"][0]))
        return Descent(block.flat(), (1.0, 0.5), 1, (), 1.0, 1.0)

    monkeypatch.setattr("trainer.phases.descend", clumsy)
    with pytest.raises(RuntimeError, match="changed another variable"):
        run_phase(block, phase_rows(run, block.plan, 1), epochs_done=1, held_out_loss=None)


def test_every_function_is_traced_once_however_many_phases_there_are(tmp_path: Path) -> None:
    run = run_with("{every: 1, accept: train, rows: 48}", tmp_path / "data")
    block = block_of(run)
    for epochs_done in range(1, 4):
        run_phase(
            block,
            phase_rows(run, block.plan, epochs_done),
            epochs_done=epochs_done,
            held_out_loss=None,
        )
    passes: tuple[Any, ...] = (block.gradient_pass, block.weight_pass, block.curvature_pass)
    assert [traced.experimental_get_tracing_count() for traced in passes] == [1, 1, 1]


def products(traced: Any) -> int:
    """How many multiplications the matrix products of a traced function take, those aside that
    nothing needs and TensorFlow leaves out."""
    graph = traced.get_concrete_function().graph
    left = [*graph.control_outputs, *(t.op for t in graph.outputs)]
    needed, total = set(), 0
    while left:
        op = left.pop()
        if op.name not in needed:
            needed.add(op.name)
            left += [*op.control_inputs, *(t.op for t in op.inputs)]
            if "MatMul" in op.type:
                transposed = op.get_attr("adj_x" if "Batch" in op.type else "transpose_a")
                inner = op.inputs[0].shape[-2 if transposed else -1]
                total += int(np.prod(op.outputs[0].shape)) * inner
    return total


def test_an_evaluation_multiplies_at_most_two_thirds_of_what_a_training_step_does(
    tmp_path: Path,
) -> None:
    run = run_with("{every: 1, between: joint}", tmp_path / "data")
    step: Any = make_step(run.network, run.optimizer, run.losses, run.signature())
    assert 0 < products(block_of(run).gradient_pass) <= products(step) * 2 / 3


def test_the_rows_of_a_phase_are_as_many_as_asked_and_follow_the_seed(tmp_path: Path) -> None:
    run = run_with("{every: 1, rows: 32}", tmp_path / "data")
    [plan] = phase_plans(run.spec)

    def sizes(epochs_done: int) -> list[list[float]]:
        rows = phase_rows(run, plan, epochs_done)
        return [batch.features["size"].numpy().tolist() for batch in rows.batches]

    assert np.shape(sizes(1)) == (2, 16)
    assert sizes(1) == sizes(1)
    assert sizes(1) != sizes(2)


def test_a_hash_of_the_state_sees_a_single_bit() -> None:
    one, other = tf.Variable([1.0, 2.0]), tf.Variable([1.0, np.nextafter(np.float32(2), 3)])
    assert state_hash({"a": one}) == state_hash({"a": tf.Variable([1.0, 2.0])})
    assert state_hash({"a": one}) != state_hash({"a": other})
    assert state_hash({"a": one}) != state_hash({"b": one})
