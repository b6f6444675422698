"""The training benchmark at a small size: it ends with the line of numbers, and goes on where it
was; its fastText and PyTorch contestants need environments of their own."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import train_gpu, train_scaling
from benchmarks.train import run
from benchmarks.train_report import gain, gain_over_fasttext, summary
from benchmarks.train_rows import BATCH, Rows, parts_of_epoch, race, save_rows

CLASSES = 5_000


def side(rows: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(rows)
    tokens = draw.integers(50, size=(rows, 10)).astype(np.int32)
    package = draw.integers(3, size=rows).astype(np.int32)
    return {"tokens": tokens, "package": package, "label": tokens[:, -1] % 40}


def test_it_ends_with_its_numbers_and_does_not_run_a_contestant_twice(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = Rows(side(4 * BATCH), side(100), tokens=52, packages=5, classes=CLASSES)
    save_rows(tmp_path / "rows.npz", rows)
    said = ["--output", str(tmp_path), "--quick", "--only", "ours fast", "torch"]
    run(said)
    out, err = capfd.readouterr()
    line = json.loads(out.splitlines()[-1])
    assert line["benchmark"] == "train"
    assert line["log_loss"] < np.log(CLASSES)
    assert line["vs_torch"] is None and "torch: not run" in err
    assert (tmp_path / "train.png").stat().st_size > 0
    whole = json.loads((tmp_path / "train.json").read_text())
    assert line.items() <= whole.items() and "torch" in whole["speeds"]
    run(said)
    again, err = capfd.readouterr()
    assert json.loads(again.splitlines()[-1]) == line
    assert "seed" not in err


class Stopped:
    """A contestant that is stopped in its third part."""

    parts = 0

    def train(self, places: np.ndarray) -> None:
        self.parts += 1
        if self.parts == 3:
            raise KeyboardInterrupt

    def measure(self) -> dict[str, float]:
        return {"log_loss": 5.0 - self.parts, "accuracy@1": 0.1, "accuracy@10": 0.2}


def test_a_race_that_is_stopped_is_reported_as_far_as_it_came_and_can_be_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = Rows(side(4 * BATCH), side(100), tokens=52, packages=5, classes=CLASSES)
    save_rows(tmp_path / "rows.npz", rows)
    with pytest.raises(KeyboardInterrupt):
        race(Stopped(), 4 * BATCH, tmp_path / "torch-1.json", epochs=2, seed=1, minutes=1)
    run(["--output", str(tmp_path), "--quick", "--only", "torch"])
    out, err = capsys.readouterr()
    (found,) = (line for line in out.splitlines() if line.startswith("torch"))
    assert "3.0000" in found and "cut off" in found
    assert "torch: not run" in err  # it would be, with a Python that has it


def test_every_contestant_sees_the_same_rows_once_in_whole_batches() -> None:
    parts = parts_of_epoch(5 * BATCH + 7, seed=1, epoch=0)
    places = np.concatenate(parts)
    assert len(places) == len(set(places)) == 5 * BATCH
    assert all(len(part) % BATCH == 0 for part in parts)
    again = np.concatenate(parts_of_epoch(5 * BATCH + 7, seed=1, epoch=0))
    np.testing.assert_array_equal(places, again)
    assert (places != np.concatenate(parts_of_epoch(5 * BATCH + 7, seed=1, epoch=1))).any()


def test_gains_are_theirs_over_ours() -> None:
    def result(*points: tuple[float, float, float]) -> list[dict[str, Any]]:
        names = ("seconds", "log_loss", "accuracy@10")
        return [{"points": [dict(zip(names, point, strict=True)) for point in points]}]

    races = {
        "keras": result((10, 3.0, 0.5), (20, 2.0, 0.6), (30, 2.5, 0.6)),
        "torch": result((40, 2.2, 0.5)),
        "fasttext hs": [{"points": [{"seconds": 8, "accuracy@10": 0.4}]}],
        "ours fast": result((2, 3.0, 0.5), (4, 1.9, 0.7)),
    }
    assert gain(races, "keras") == 20 / 4
    assert gain(races, "torch") == 40 / 4  # it never gets there: its own best counts
    assert gain_over_fasttext(races) == 8 / 2
    short = races | {"ours fast, short": result((1.6, 3.0, 0.4))}
    assert gain_over_fasttext(short) == 8 / 1.6
    assert gain({"keras": races["keras"]}, "torch") is None


def test_fasttexts_best_is_the_number_of_epochs_with_the_best_mean_over_its_seeds() -> None:
    def seed(*accuracies: float) -> dict[str, Any]:
        points = zip((3, 5, 9), accuracies, strict=True)
        return {"points": [{"seconds": s, "accuracy@10": a} for s, a in points]}

    ours = {"seconds": 2.5, "log_loss": 3.0, "accuracy@10": 0.5}
    races = {"ours fast": [{"points": [ours]}]}
    # The best single run ends after 9 s; on average 5 s are enough for the best that there is.
    races["fasttext hs"] = [seed(0.1, 0.4, 0.5), seed(0.2, 0.4, 0.1)]
    assert gain_over_fasttext(races) == 5 / 2.5


def test_the_line_holds_the_means_over_the_seeds_of_the_better_contestant() -> None:
    def seed(loss: float, accuracy: float) -> dict[str, Any]:
        return {"points": [{"seconds": 1, "log_loss": loss, "accuracy@10": accuracy}]}

    races = {"ours exact": [seed(2.5, 0.9)], "ours fast": [seed(2.0, 0.5), seed(2.2, 0.6)]}
    line = summary(races, {})
    assert (line["log_loss"], line["accuracy_at_10"]) == (2.1, 0.55)


def test_the_last_epoch_of_a_race_may_be_a_part_of_one(tmp_path: Path) -> None:
    contestant = Stopped()
    race(contestant, 6 * BATCH, tmp_path / "race.json", epochs=1 / 2, seed=1, minutes=1)
    assert contestant.parts == 2
    assert json.loads((tmp_path / "race.json").read_text())["ended"] == "all epochs"


def test_the_cost_of_a_step_is_told_for_each_shape_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_scaling.run(["--quick", "--results", str(tmp_path)])
    line = capsys.readouterr().out.splitlines()[-1]
    assert (tmp_path / "train_scaling.json").read_text() == line + "\n"
    ((shape, times),) = json.loads(line)["milliseconds_of_a_step"].items()
    assert shape == "1,000 classes, hidden 128, batch 1,024"
    assert times["float32"] > 0 and "sampled" not in times
    assert len(list(train_scaling.shapes())) == 9


def test_every_contestant_of_a_gpu_has_a_speed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_gpu, "exact_arithmetic", lambda: None)  # it is for a whole process
    train_gpu.run(["--quick"])
    speeds = json.loads(capsys.readouterr().out.splitlines()[-1])["examples_per_s"]
    assert list(speeds) == ["ours, float32", "ours, bfloat16", "ours, sampled", "keras"]
    assert all(speed > 0 for batches in speeds.values() for speed in batches.values())
