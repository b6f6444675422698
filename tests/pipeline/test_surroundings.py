"""A run does not depend on what other projects have set for Keras, or a line says so."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_data import tiny_data

from pipeline.doctor import flags, settings_of_keras
from pipeline.failures import Exit, Failure
from pipeline.surroundings import own_keras

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "float64": {"floatx": "float64"},
    "torch": {"backend": "torch"},
    "none of Keras's": {"floatx": "float99", "epsilon": "small"},
}


def as_in(home: Path, code: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "HOME": str(home), **more}
    line = [sys.executable, "-c", code]
    return subprocess.run(line, env=environment, cwd=ROOT, capture_output=True, text=True)


def home_with(folder: Path, settings: object) -> Path:
    (folder / ".keras").mkdir()
    (folder / ".keras" / "keras.json").write_text(json.dumps(settings))
    return folder


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_keras_is_the_same_whatever_a_person_has_set(tmp_path: Path, settings: object) -> None:
    code = (
        "from pipeline.surroundings import own_keras\n"
        "with own_keras(): import keras\n"
        "print(keras.config.backend(), keras.config.floatx(), keras.config.epsilon())"
    )
    home = home_with(tmp_path, settings)
    done = as_in(home, code, KERAS_BACKEND="jax")
    assert done.stdout == "tensorflow float32 1e-07\n", done.stderr
    assert json.loads((home / ".keras" / "keras.json").read_text()) == settings


def test_training_and_export_go_through_with_the_settings_of_another_project(
    tmp_path: Path,
) -> None:
    home = home_with(tmp_path, {"floatx": "float64", "backend": "torch"})
    data = tiny_data(tmp_path / "data")
    code = (
        "import trainer.task as t; "
        f"t.run(['--data', {str(data)!r}, '--output', {str(tmp_path / 'run')!r}])"
    )
    done = as_in(
        home, code, TF_USE_LEGACY_KERAS="1", KERAS_BACKEND="jax", TF_ENABLE_ONEDNN_OPTS="0"
    )
    assert done.returncode == 0, done.stderr
    line = "train: the numbers may differ from a run without TF_ENABLE_ONEDNN_OPTS=0\n"
    assert line in done.stderr


def test_a_process_that_has_keras_otherwise_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    before = keras.config.floatx()
    keras.config.set_floatx("float16")
    try:
        with pytest.raises(Failure, match="Received: floatx float16") as failure, own_keras():
            pass
    finally:
        keras.config.set_floatx(before)
    assert failure.value.exit_code == Exit.ENVIRONMENT


def test_the_doctor_tells_them(tmp_path: Path) -> None:
    home = home_with(tmp_path, {"floatx": "float64"})
    said = settings_of_keras({"KERAS_HOME": str(home / ".keras"), "KERAS_BACKEND": "torch"})
    assert said.found.startswith("floatx float64 in ")
    assert said.found.endswith("keras.json, KERAS_BACKEND=torch: not used here")
    assert flags({"TF_XLA_FLAGS": "--tf_xla_auto_jit=2"}).advice
    assert flags({}).advice is None


def test_whoever_imports_keras_by_itself_has_it_as_a_run_has() -> None:
    """What the trainer and export load comes after their commands have done so."""
    lazy = re.compile(r"^ +(import|from) keras\b", re.MULTILINE)
    for path in [*ROOT.glob("serving/**/*.py"), *ROOT.glob("pipeline/**/*.py")]:
        code = path.read_text(encoding="utf-8")
        for found in lazy.finditer(code):
            assert code[: found.start()].rstrip().endswith("with own_keras():"), path
