"""Where the whole network goes on, new ids learn first, and nothing else does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_data import ENTRIES, LABELS, WORDS, tiny_data, tiny_examples, tiny_spec, write_data

from pipeline.folders.run import RunFolder
from trainer.data_folder import read_data
from trainer.evaluation import make_held_out_loss
from trainer.run import Run, count_train_rows, make_run, run_features
from trainer.starting import ALL, NEW, start_from
from trainer.starting.fold_in import with_new_rows
from trainer.task import run
from trainer.training.new_ids_first import new_ids_first
from trainer.training.warm_start import warm_start

NEW_WORDS, NEW_LABELS = 2, 1
GROWN = ENTRIES | {"words": WORDS + NEW_WORDS, "labels": LABELS + NEW_LABELS}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("earlier")
    tiny_data(folder / "data")
    run(["--data", str(folder / "data"), "--output", str(folder / "run")])
    return RunFolder(folder / "run")


def started(folder: Path, earlier: RunFolder, entries: dict[str, int]) -> Run:
    """A run over rows of which some have the new words and the new label, before its first step."""
    rows = dict.fromkeys(("train", "eval"), tiny_examples(600, seed=8))
    spec = tiny_spec()
    write_data(folder / "data", spec, rows, entries=entries)
    data = read_data(folder / "data")
    start = start_from(earlier, ALL, data, spec)
    parts = count_train_rows(data, spec), run_features(data, spec)
    made = make_run(data, spec, *parts, start=start)
    warm_start(made, earlier.path)
    return made


def test_new_ids_learn_and_nothing_else_does(
    earlier: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = started(tmp_path, earlier, GROWN)
    names = ["words", *(f"{name}.{part}" for name in made.network.heads for part in "kb")]
    [table] = made.network.groups["tables"]
    heads = made.network.heads.values()
    watched = dict(
        zip(names, [table, *(v for h in heads for v in (h.kernel, h.bias))], strict=True)
    )
    new = {"words": slice(WORDS, WORDS + NEW_WORDS)}
    new |= {f"label.{part}": slice(LABELS, LABELS + NEW_LABELS) for part in "kb"}
    others = [v for v in made.network.variables() if not any(v is w for w in watched.values())]
    before = {name: v.numpy() for name, v in watched.items()}, [v.numpy() for v in others]
    assert made.start
    judge = make_held_out_loss(with_new_rows(made, replace(made.start, learn=NEW)))
    loss = judge().loss
    new_ids_first(made)
    assert "new ids: " in capsys.readouterr().out
    for name, was in before[0].items():
        now = watched[name].numpy()
        if name in new:
            assert (now[new[name]] != was[new[name]]).all(), name
            now, was = (np.delete(of, np.r_[new[name]], axis=0) for of in (now, was))
        np.testing.assert_array_equal(now, was, name)
    for variable, was in zip(others, before[1], strict=True):
        np.testing.assert_array_equal(variable.numpy(), was)
    assert judge().loss < loss
    assert int(made.train_state.step) == int(made.train_state.finished) == 0


def test_without_new_ids_nothing_learns_first(
    earlier: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_ids_first(started(tmp_path, earlier, ENTRIES))
    assert capsys.readouterr().out == ""
