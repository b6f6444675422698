"""A command that is refused is told so at once: before it has loaded a heavy library.

What it takes is counted in seconds of CPU, which other work on the machine does not lengthen.
"""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.manifest import lock

ROOT = Path(__file__).parents[1]
MOST_CPU_SECONDS = 5.0
_WATCHED = """
import atexit, runpy, sys
HEAVY = {"tensorflow", "keras", "apache_beam", "tensorflow_transform", "onnx", "onnxruntime"}
atexit.register(lambda: print("loaded:", sorted(HEAVY & set(sys.modules))))
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""
SPEC = "name: r\nheads: {y: {kind: binary}}\ninputs: {x: {kind: number}}\n"


def command_lines(folder: Path) -> dict[str, tuple[str, ...]]:
    """Each stage's command, for the output `out` of a folder; what it reads need not be there."""
    (folder / "spec.yaml").write_text(SPEC + "split: {by: hash, columns: [x]}\n")
    (folder / "rows.csv").write_text("x,y\n1,0\n")
    spec, rows, missing = (str(folder / name) for name in ("spec.yaml", "rows.csv", "missing"))
    return {
        "pipeline.run": ("--spec", spec, "--input", rows),
        "pipeline.prepare": ("--spec", spec, "--input", rows),
        "trainer.task": ("--data", missing),
        "trainer.search": ("--data", missing),
        "serving.export": ("--run", missing),
        "serving.score": ("--model", missing, "--input", rows),
    }


def ended(module: str, *line: str) -> tuple[int, str, str, float]:
    """Exit code, the last line of stdout, stderr and the seconds of CPU of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", _WATCHED, module, *line], capture_output=True, text=True, cwd=ROOT
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.returncode, done.stdout.splitlines()[-1], done.stderr, seconds


@pytest.mark.parametrize(
    "module",
    ["pipeline.run", "pipeline.prepare", "trainer.task", "serving.export", "serving.score"],
)
def test_a_second_writer_is_told_before_anything_heavy_is_loaded(
    module: str, tmp_path: Path
) -> None:
    output = tmp_path / "out.csv"
    line = [*command_lines(tmp_path)[module], "--output", str(output)]
    with lock(output, inside=module == "pipeline.run"):
        code, loaded, said, seconds = ended(module, *line)
    assert (code, "holds it" in said) == (3, True), said
    # The scorer's own command has onnxruntime and nothing else.
    assert loaded in ("loaded: []", "loaded: ['onnxruntime']")
    assert seconds < MOST_CPU_SECONDS


@pytest.mark.parametrize("module", ["trainer.task", "trainer.search", "serving.export"])
@pytest.mark.parametrize("wrong", ["a folder that is not there", "an option that is not there"])
def test_a_wrong_command_line_is_refused_before_anything_heavy_is_loaded(
    module: str, wrong: str, tmp_path: Path
) -> None:
    line = [*command_lines(tmp_path)[module], "--output", str(tmp_path / "out")]
    if wrong.startswith("an option"):
        line = ["--no-such-option"]
    code, loaded, said, seconds = ended(module, *line)
    assert (code, loaded) == (2, "loaded: []"), said
    assert seconds < MOST_CPU_SECONDS


@pytest.mark.parametrize("module", ["trainer.task", "trainer.search", "serving.export"])
def test_help_loads_nothing_heavy(module: str) -> None:
    assert ended(module, "--help")[:2] == (0, "loaded: []")
