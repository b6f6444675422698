"""Damaged, swapped and hostile files between the stages: refused with exit code 5, or never opened.

`make faults` tries ten times as many changed models.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from small_run import exported, small_rows
from tiny_data import tiny_data

from pipeline.failures import Exit, Failure
from pipeline.manifest import verify
from serving.model_file import network
from serving.scorer import Scorer
from trainer.data_folder import read_data

CHANGED_MODELS = 2_000 if os.environ.get("CI_FULL") == "1" else 100


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def files_in(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "manifest.json"]


@pytest.mark.parametrize("stage", ["data", "run", "model"])
def test_every_file_of_every_stage_is_checked(stage: str, tmp_path: Path) -> None:
    """One changed bit, gone, changed places with another: each file, each way. A file that was
    added is not in the manifest, and so never opened."""
    whole = tiny_data(tmp_path / "data") if stage == "data" else exported() / stage
    names = [path.relative_to(whole) for path in files_in(whole)]
    assert set(map(str, names)) == set(verify(whole, stage=stage).files)
    for name in names:
        for damage in (flip, Path.unlink, swapped_with(names, name)):
            folder = tmp_path / "damaged"
            shutil.copytree(whole, folder)
            damage(folder / name)
            with pytest.raises(Failure) as failure:
                verify(folder, stage=stage)
            assert failure.value.exit_code == Exit.INTEGRITY, (name, damage)
            shutil.rmtree(folder)


def swapped_with(names: list[Path], name: Path) -> Callable[[Path], None]:
    """Changes a file's place with the next one's that holds something else."""

    def swap(path: Path) -> None:
        folder = path.parents[len(name.parts) - 1]
        mine = path.read_bytes()
        other = next(folder / n for n in names if (folder / n).read_bytes() != mine)
        path.write_bytes(other.read_bytes())
        other.write_bytes(mine)

    return swap


@pytest.mark.parametrize("name", ["model.onnx", "model.onnx.sha256"])
def test_the_scorer_refuses_a_changed_file_before_onnxruntime_sees_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "session", lambda content: pytest.fail("onnxruntime saw it"))
    shutil.copytree(exported() / "model", tmp_path / "model")
    flip(tmp_path / "model" / name)
    with pytest.raises(Failure) as failure:
        Scorer(tmp_path / "model" / "model.onnx")
    assert failure.value.exit_code == Exit.INTEGRITY


def records(content: bytes) -> list[int]:
    """Where the records of an unpacked TFRecord file end: 8 bytes of length, 4, the data, 4."""
    ends, at = [], 0
    while at < len(content):
        at += 8 + 4 + int.from_bytes(content[at : at + 8], "little") + 4
        ends.append(at)
    return ends


def cut_unpacked(at: Callable[[list[int]], int]) -> Callable[[Path], None]:
    def cut(path: Path) -> None:
        content = gzip.decompress(path.read_bytes())
        path.write_bytes(gzip.compress(content[: at(records(content))]))

    return cut


TFRECORD_DAMAGE: dict[str, Callable[[Path], object]] = {
    "cut at the border of a record": cut_unpacked(lambda ends: ends[-2]),
    "cut in a header": cut_unpacked(lambda ends: ends[-2] + 5),
    "cut in the data": cut_unpacked(lambda ends: ends[-2] + 20),
    "empty": lambda path: path.write_bytes(b""),
    "one bit": flip,
    "missing": Path.unlink,
    "gzip cut": lambda path: path.write_bytes(path.read_bytes()[:-3]),
}


@pytest.mark.parametrize("damage", TFRECORD_DAMAGE.values(), ids=TFRECORD_DAMAGE)
def test_a_damaged_tfrecord_is_named_before_the_first_step(
    damage: Callable[[Path], object], tmp_path: Path
) -> None:
    folder = tiny_data(tmp_path / "data")
    path = Path(read_data(folder).files("train")[1])
    damage(path)
    with pytest.raises(Failure, match=str(path)) as failure:
        read_data(folder)
    assert failure.value.exit_code == Exit.INTEGRITY


def test_a_shard_of_another_run_is_not_read(tmp_path: Path) -> None:
    folder = tiny_data(tmp_path / "data")
    files = read_data(folder).files("train")
    shutil.copy(files[0], Path(files[0]).with_name("part-00002-of-00004.tfrecord.gz"))
    assert read_data(folder).files("train") == files


def renamed_input(model: onnx.ModelProto) -> None:
    name = model.graph.input[0].name
    model.graph.input[0].name = "other"
    for node in model.graph.node:
        node.input[:] = ["other" if said == name else said for said in node.input]


def retyped_input(model: onnx.ModelProto) -> None:
    number = next(i for i in model.graph.input if i.type.tensor_type.elem_type == 1)
    number.type.tensor_type.elem_type = onnx.TensorProto.INT64


def too_large_a_constant(model: onnx.ModelProto) -> None:
    weights = next(t for t in model.graph.initializer if t.data_type == 1 and len(t.dims) == 2)
    weights.dims[0] = 1 << 40


def without_metadata(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


@pytest.mark.parametrize(
    "change", [renamed_input, retyped_input, too_large_a_constant, without_metadata]
)
def test_a_model_that_is_not_what_it_says_is_refused(
    change: Callable[[onnx.ModelProto], None], tmp_path: Path
) -> None:
    model = onnx.load(exported() / "model" / "model.onnx")
    change(model)
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(Failure) as failure:
        Scorer(tmp_path / "model.onnx", unchecked=True).score(small_rows(3))
    assert failure.value.exit_code == Exit.INTEGRITY


_TRY_CHANGED_MODELS = """
import json, random, resource, sys
from pathlib import Path
from small_run import small_rows
from pipeline.failures import Failure
from serving.scorer import Scorer
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
model, to, count = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]), int(sys.argv[3])
rows, draw, ends = small_rows(3), random.Random(7), {}
for number in range(count):
    content = bytearray(model)
    for _ in range(draw.randint(1, 4)):
        content[draw.randrange(len(content))] = draw.randrange(256)
    to.write_bytes(content)
    try:
        Scorer(to, unchecked=True, workers=1).score(rows)
        end = "scored"
    except Failure as failure:
        end = f"exit {int(failure.exit_code)}"
    except Exception as error:
        end = f"{type(error).__module__}.{type(error).__name__}: {str(error)[:200]}"
    ends[end] = ends.get(end, 0) + 1
print(json.dumps(ends))
"""


def test_changed_models_end_in_a_result_or_a_failure_never_in_a_signal(tmp_path: Path) -> None:
    """Bytes changed at random, loaded without the check of the hash, which refuses them all."""
    model = exported() / "model" / "model.onnx"
    line = [sys.executable, "-c", _TRY_CHANGED_MODELS, str(model), str(tmp_path / "m.onnx")]
    path = f"{Path(__file__).parent.parent}:{Path(__file__).parent}"
    done = subprocess.run(
        [*line, str(CHANGED_MODELS)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    ends = json.loads(done.stdout.splitlines()[-1])
    assert set(ends) <= {"scored", "exit 5"}, ends
    assert sum(ends.values()) == CHANGED_MODELS
