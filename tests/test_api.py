"""The public names of the packages: typed, lazy, the same in whatever order they are imported."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest
from test_imports import ALL_HEAVY, SPEC, imported_with, libraries

import pipeline
import serving
import trainer
from pipeline.failures import Exit, Failure

ROOT = Path(__file__).parents[1]
PACKAGES = {"pipeline": {"run"}, "serving": {"Scorer"}, "trainer": {"train"}}


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_what_is_public(package: str) -> None:
    module = sys.modules[package]
    assert set(module.__all__) == PACKAGES[package] | {"__version__"}
    assert all(hasattr(module, name) for name in module.__all__)
    assert module.__version__ == pipeline.__version__
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = module.nothing


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_loads_nothing_heavy(package: str) -> None:
    heavy = {"numpy", "pyarrow", *SPEC, *ALL_HEAVY}
    assert not libraries(imported_with(package)) & heavy


def test_onnxruntime_is_loaded_with_the_scorer() -> None:
    code = "import sys, serving; before = 'onnxruntime' in sys.modules; serving.Scorer; "
    assert python(code + "print(before, 'onnxruntime' in sys.modules)") == "False True\n"


@pytest.mark.parametrize(
    "order",
    [
        "import pipeline; run = pipeline.run",
        "from pipeline import run",
        "import pipeline; first = pipeline.run; import pipeline.run; run = pipeline.run; "
        "assert first is run",
        "import pipeline.run; run = pipeline.run",
        "from pipeline.run import commands; import pipeline; run = pipeline.run",
        "import importlib; run = importlib.import_module('pipeline.run')",
    ],
)
def test_pipeline_run_is_the_module_and_can_be_called_in_every_order(order: str) -> None:
    code = f"{order}\nfrom pipeline.failures import Failure\nassert run.STAGES[0] == 'prepare'\n"
    code += "try: run('nowhere.yaml', ['x.csv'], 'OUT')\nexcept Failure as failed: print(failed)"
    assert "nowhere.yaml" in python(code)
    assert not (ROOT / "OUT").exists()


@pytest.mark.parametrize("function", [pipeline.run, trainer.train, serving.Scorer.__init__])
def test_what_is_called_has_types(function: object) -> None:
    call = type(function).__call__ if inspect.ismodule(function) else function
    hints = get_type_hints(call)
    assert set(inspect.signature(call).parameters) - {"self"} == set(hints) - {"return"}  # type: ignore[arg-type]


def test_train_does_what_the_command_does(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[list[str]] = []
    monkeypatch.setattr("trainer.task.run", said.append)
    trainer.train("OUT/data", Path("OUT/run"))
    trainer.train("d", "o", spec=Path("s.yaml"), settings=["a.b=1", "c.d=2"], force=True)
    trainer.train("d", "o", warm_start="old")
    assert [" ".join(words) for words in said] == [
        "--data OUT/data --output OUT/run",
        "--data d --output o --spec s.yaml --set a.b=1 --set c.d=2 --force",
        "--data d --output o --warm-start old",
    ]


def test_train_raises_failures(tmp_path: Path) -> None:
    with pytest.raises(Failure) as failed:
        trainer.train(tmp_path / "nowhere", tmp_path / "run")
    assert failed.value.exit_code in set(Exit) - {Exit.DONE, Exit.FAULT}
