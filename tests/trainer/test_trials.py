"""`training: auto`: trials within the time, kills, and a spec that gives the same run again."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml
from tiny_data import tiny_data, tiny_examples, tiny_spec, write_data

from pipeline.failures import Exit, Failure
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from trainer.data_folder import read_data
from trainer.evaluation import make_held_out_loss
from trainer.evaluation.gates import rows_judged
from trainer.recipe import trials
from trainer.recipe.chance import row_losses
from trainer.recipe.pace import Pace, rows_after
from trainer.recipe.rules import Move
from trainer.recipe.telling import Trial, chosen_line
from trainer.recipe.trials import PLAN, RULES, Trials
from trainer.run import count_train_rows, open_run
from trainer.task import run
from trainer.training.train import steps_of_run, train_run

# Of trials; the time would not end them.
MOST, MINUTES = 3, 60
OPEN = {
    "training: {epochs: 3, batch_size: 16, learning_rate: 0.01, patience: null}": "training: auto",
    "trunk: {layers: [8]}": "trunk: {dropout: 0.1}",
}


def open_spec() -> Spec:
    return tiny_spec(replace=OPEN)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data of a spec that leaves training open, and a run that was killed twice: as its second
    trial began, and when all was trained."""
    folder = tmp_path_factory.mktemp("out")
    tiny_data(folder / "data", spec=open_spec())
    with pytest.MonkeyPatch.context() as patch:
        calls = iter(range(10))

        def killed(*arguments: Any, **options: Any) -> Any:
            if next(calls) == 1:
                raise KeyboardInterrupt
            return train_run(*arguments, **options)

        patch.setattr(trials, "train_run", killed)
        patch.setattr(Trials, "next", a_few)
        with pytest.raises(KeyboardInterrupt):
            train(folder)
        patch.setattr(trials, "train_run", train_run)
        with pytest.MonkeyPatch.context() as as_well:
            as_well.setattr("trainer.stage.make_run_folder", interrupt)
            with pytest.raises(KeyboardInterrupt):
                train(folder)
        train(folder)
    return folder


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


next_move = Trials.next


def a_few(self: Trials, ended: list[Trial]) -> Move | None:
    return next_move(self, ended) if len(ended) < MOST else None


def train(folder: Path, *options: str, to: str = "run") -> None:
    minutes = () if options else ("--minutes", str(MINUTES))
    run(["--data", str(folder / "data"), "--output", str(folder / to), *minutes, *options])


def weights(folder: Path) -> list[np.ndarray]:
    found: list[np.ndarray] = keras.saving.load_model(folder / "model.keras").get_weights()
    return found


def test_the_spec_of_the_run_gives_the_same_bits_again(out: Path) -> None:
    spec = parse_spec((out / "run" / "spec.json").read_text())
    assert not spec.training.auto
    train(out, "--spec", str(out / "run" / "spec.json"), to="again")
    for one, other in zip(weights(out / "run"), weights(out / "again"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_run_has_its_trials_the_first_being_what_the_rules_say(out: Path) -> None:
    tried = json.loads((out / "run" / "trials.json").read_text())
    assert tried[0]["change"] == RULES
    assert len(tried) == MOST
    ended = json.loads((out / "run" / "manifest.json").read_text())["ended"]
    whole = [one for one in tried if one["eval_loss"] is not None]
    kept = min(whole, key=lambda one: one["eval_loss"] + one.get("standard_error", 0.0))
    assert ended["held_out_loss"] == kept["eval_loss"]
    assert "standard_error" not in tried[0] and tried[1]["standard_error"] > 0
    assert not (out / "run" / "trials").exists()
    assert "trunk.dropout" not in tried[0]["settings"]


def test_the_same_again_does_nothing_and_more_minutes_are_another_run(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(out)
    assert "up to date" in capsys.readouterr().out
    with pytest.raises(Failure) as failed:
        train(out, "--minutes", "61")
    assert failed.value.exit_code == Exit.OCCUPIED


def test_a_warm_start_leaves_open_what_the_earlier_run_had(out: Path) -> None:
    train(out, "--warm-start", str(out / "run"), to="warm")
    made, earlier = ((out / name / "spec.json").read_text() for name in ("warm", "run"))
    assert made == earlier
    assert not (out / "warm" / "trials.json").exists()


class Clock:
    """Time that passes when a trial says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Scripted(Trials):
    """Trials whose losses follow from their specs, and that take ten seconds each."""

    clock: Clock

    def next(self, ended: list[Trial]) -> Move | None:
        if ended:
            return super().next(ended)
        from trainer.recipe.rules import first

        return self.plan(
            0, Move(RULES, first(self.said, trials.counted_facts(self.said, self.data)))
        )

    def pace(self) -> dict[str, float]:
        return {"closing": 2.0, "first": 10.0}

    def run(self, number: int, move: Move) -> Trial:
        self.clock.now += 10.0
        draw = np.random.default_rng(list(move.spec.to_json().encode()))
        return Trial(move.name, move.spec, float(draw.random()), 0.5, 10.0)


def test_more_minutes_never_end_worse_and_none_are_overdrawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = read_data(tiny_data(tmp_path / "data", spec=open_spec()))
    counted = count_train_rows(data, open_spec())
    losses, before = [], list[str]()
    for seconds in (15, 60, 120, 400):
        clock = Clock()
        monkeypatch.setattr(trials, "time", clock)
        made = Scripted(tmp_path / str(seconds), open_spec(), data, counted, seconds)
        made.clock = clock
        best, tried, place = made.best()
        names = [trial.name for trial in tried]
        assert names[: len(before)] == before
        assert clock.now <= seconds and (place / PLAN).exists()
        losses.append(best.loss)
        before = names
    assert losses == sorted(losses, reverse=True)
    assert len(before) > 10


class Unsure(Scripted):
    """The first trial; one that is lower by chance alone; one that is surely lower; and others."""

    told = ((0.5, 0.0), (0.45, 0.08), (0.48, 0.005), (0.47, 0.04))

    def run(self, number: int, move: Move) -> Trial:
        self.clock.now += 10.0
        loss, chance = self.told[min(number, 3)]
        return Trial(move.name, move.spec, loss, 0.5, 10.0, chance)


def test_what_is_lower_by_chance_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = read_data(tiny_data(tmp_path / "data", spec=open_spec()))
    clock = Clock()
    monkeypatch.setattr(trials, "time", clock)
    counted = count_train_rows(data, open_spec())
    made = Unsure(tmp_path / "trials", open_spec(), data, counted, 100)
    made.clock = clock
    best, ended, _ = made.best()
    assert len(ended) > 4 and best is ended[2]
    failed, helped = trials.outcomes(ended)
    assert helped == {ended[2].name: 1} and ended[1].name in failed


def test_the_rows_losses_add_up_to_the_held_out_loss(tmp_path: Path) -> None:
    """Of a run with several heads, and rows without some targets."""
    made = open_run(read_data(tiny_data(tmp_path / "data")), tiny_spec())[0]
    own = row_losses(made)
    assert own is not None and len(own) == made.rows("eval")
    assert own.sum() == pytest.approx(make_held_out_loss(made)().loss, rel=1e-6)


def test_the_steps_that_fit_are_the_most_that_do(tmp_path: Path) -> None:
    spec = tiny_spec(replace={"epochs: 3": "epochs: 30"})
    made = open_run(read_data(tiny_data(tmp_path / "data", spec=spec)), spec)[0]
    pace = Pace(start=1.0, sampled=0.1, exact=0.2, judging=0.5, closing=3.0)
    for seconds in (2.0, 3.3, 10.0, 20.0):
        steps = pace.fitting(made, seconds)
        assert pace.seconds(made, steps) <= seconds < pace.seconds(made, steps + 1)
    assert pace.fitting(made, 0.0) == 1
    assert pace.fitting(made, 1e9) == steps_of_run(spec.training, made.data.rows("train"))


def test_all_that_is_computed_after_the_last_epoch_is_counted(tmp_path: Path) -> None:
    """Rows of eval and test for the metrics and for calibration; of each head with a temperature
    those of eval four times; of a head with two memories those of eval for its gates, the network,
    each memory, both, and all together."""
    made = open_run(read_data(tiny_data(tmp_path / "data")), tiny_spec())[0]
    held, test = made.data.rows("eval"), made.data.rows("test")
    classifications = sum(head.kind == "classification" for head in made.spec.heads.values())
    assert rows_after(made) == 2 * (held + test) + 4 * classifications * held
    assert [rows_judged(made, memories) for memories in (0, 1, 2)] == [0, 4 * held, 6 * held]


def test_without_held_out_rows_there_is_one_run_by_the_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {"train": tiny_examples(40, seed=1), "eval": [], "test": []}
    write_data(tmp_path / "data", open_spec(), rows)
    train(tmp_path, "--minutes", "60", "--set", "training.epochs=2")
    tried = json.loads((tmp_path / "run" / "trials.json").read_text())
    assert [(one["change"], one["eval_loss"]) for one in tried] == [(RULES, None)]
    assert "no held-out loss" in capsys.readouterr().err


def test_of_many_inputs_the_widths_are_counted() -> None:
    def line(count: int) -> str:
        names = [f"x{at}" for at in range(count)]
        content: dict[str, Any] = {
            "name": "wide",
            "vocabularies": {name: {} for name in names},
            "inputs": {name: {"kind": "category", "vocabulary": name} for name in names},
            "heads": {"y": {"kind": "binary"}},
            "split": {"by": "row"},
        }
        said = parse_spec(yaml.safe_dump(content))
        for at, name in enumerate(names):
            content["inputs"][name]["embedding"] = 4 if at < 9 else 8
        return chosen_line(said, parse_spec(yaml.safe_dump(content)))

    assert "inputs.x0.embedding: 4, inputs.x1.embedding: 4" in line(10)
    assert line(12).endswith("embeddings: 9 of 4, 3 of 8")
