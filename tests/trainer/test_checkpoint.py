"""Checkpoints: what is written comes back, and damage is passed over."""

from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf

from pipeline.failures import Exit, Failure
from trainer.training.checkpoint import remove, restore, save


def state(value: float) -> dict[str, tf.Variable]:
    return {"weights.0": tf.Variable([value] * 3), "step": tf.Variable(int(value), dtype=tf.int64)}


def written(folder: Path, *steps: int) -> None:
    for step in steps:
        save(folder, state(float(step)), step)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[5] ^= 0xFF
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def part_of(folder: Path, step: int, suffix: str) -> Path:
    return folder / f"step-{step:012d}.{suffix}"


def test_the_newest_comes_back(tmp_path: Path) -> None:
    written(tmp_path, 9, 10)
    found = state(0.0)
    assert restore(tmp_path, found)
    assert found["weights.0"].numpy().tolist() == [10.0] * 3
    assert int(found["step"]) == 10


def test_nothing_to_restore_leaves_the_state_alone(tmp_path: Path) -> None:
    found = state(5.0)
    assert not restore(tmp_path / "none", found)
    assert int(found["step"]) == 5


def test_only_two_are_kept(tmp_path: Path) -> None:
    written(tmp_path, 1, 2, 3)
    assert sorted(p.name for p in tmp_path.glob("*.index")) == [
        "step-000000000002.index",
        "step-000000000003.index",
    ]
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        *(("index", damage) for damage in (flip, cut, empty)),
        *(("data-00000-of-00001", damage) for damage in (flip, cut, empty, Path.unlink)),
    ],
)
def test_a_damaged_one_gives_way_to_the_one_before(
    tmp_path: Path,
    suffix: str,
    damage: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    written(tmp_path, 1, 2)
    damage(part_of(tmp_path, 2, suffix))
    found = state(0.0)
    assert restore(tmp_path, found)
    assert int(found["step"]) == 1
    assert found["weights.0"].numpy().tolist() == [1.0] * 3
    assert "step-000000000002 cannot be read" in capsys.readouterr().err


def test_one_without_its_index_is_none(tmp_path: Path) -> None:
    """The index is written last."""
    written(tmp_path, 1, 2)
    part_of(tmp_path, 2, "index").unlink()
    found = state(0.0)
    assert restore(tmp_path, found)
    assert int(found["step"]) == 1


def test_checkpoints_that_were_removed_leave_nothing_to_restore(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    written(folder, 1, 2)
    remove(folder)
    assert not restore(folder, state(0.0))
    assert list(tmp_path.iterdir()) == []


def test_damage_everywhere_is_a_failure(tmp_path: Path) -> None:
    written(tmp_path, 1)
    flip(part_of(tmp_path, 1, "index"))
    with pytest.raises(Failure, match="--force") as failed:
        restore(tmp_path, state(0.0))
    assert failed.value.exit_code == Exit.INTEGRITY
