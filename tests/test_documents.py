"""Every command of the documents is run, in its order, or stands in a list that says why not.

The quickstart's are run by test_quickstart, on rows like its own. The others start from the same
small run. They are called as `python -m` and `shared-weights` call them, in this process, because
every start of TensorFlow costs seconds; with CI_FULL=1 a shell runs each, the slow ones too.
"""

import contextlib
import importlib
import io
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from chain import stage_here
from documents import DOCUMENTS, OTHERS, ROOT, blocks, commands, fenced, module_of

from examples.made_up_rows import rows_for
from pipeline.console.log_format import VARIABLE
from pipeline.failures import main
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from serving.page import CODE, RUNTIME

README = ROOT / "README.md"
FULL = os.environ.get("CI_FULL") == "1"
# A piece of a command, and why no test runs it as it stands.
NOT_RUN = {
    "make demo": "takes minutes: test_examples_next_identifier runs it on few rows",
    "make test": "is this",
    "examples/next_item/": "takes minutes: test_next_elements_end_to_end runs its like on few rows",
    "tennis": "needs an archive and minutes: test_tennis_end_to_end runs it on few rows",
    "python -m benchmarks.": "takes from minutes to hours; its options are checked by test_readme",
    "gcloud ": "needs Google Cloud",
    "docker ": "needs an engine for containers: test_docker checks the files' form",
    "gs://": "needs storage: test_stores runs prepare and test_vertex the trainer against servers",
    "s3://": "needs storage: test_stores runs prepare against a server",
    "--window ": "needs rows of many days: test_window prepares such",
    "--exclude bought ": "needs rows and a list of one shop: test_candidates scores such",
    "compare before.onnx": "needs a second model: test_slices compares one with itself",
    "TF_CONFIG=": "needs two machines: test_workers runs two processes",
}
SLOW = {
    "pipeline.completion": "asks every command for its help: test_commands tests the parts",
    "run --input 'rows/*.csv' --target": "trains for minutes: test_quickstart runs it with --quick",
    "trainer.search": "starts a process for each trial: test_search runs two",
    "--direct_running_mode": "starts workers: test_engines does so in every run",
    "--log-format json": "starts all stages as processes: test_log_format reads the lines",
}
# What takes long of a command, and what does the same with less.
LESS = {"--folds 5": "--folds 2"}
IDENTIFIERS = ["assertEqual", "assertTrue", "assertIs", "self", "case"]
SMALL = [
    f"vocabularies.identifier={{values: {IDENTIFIERS}}}",
    "vocabularies.package.min_count=1",
    "trunk.layers=[16]",
    "training.auto=false",
    "training.epochs=1",
    "training.batch_size=64",
]
TYPED = "tokens=self .\npackage=test\n\n"


def listed(command: str) -> bool:
    reasons = NOT_RUN if FULL else NOT_RUN | SLOW
    return any(piece in command for piece in reasons)


def small_spec() -> Spec:
    """The spec of the README with fewer of everything."""
    (spec,) = blocks(README, "yaml")
    return parse_spec(spec, settings=SMALL)


def write_rows(folder: Path) -> None:
    """spec.yaml, and rows in every form that the documents name."""
    spec = small_spec()
    (folder / "spec.yaml").write_text(spec.to_json(), encoding="utf-8")
    for name, count in (("rows", 1000), ("days", 1000), ("new", 300)):
        table = rows_for(spec, count, seed=len(name))
        (folder / name).mkdir()
        pa.parquet.write_table(table, folder / name / "part.parquet")
        texts = [" ".join(tokens) for tokens in table["tokens"].to_pylist()]
        at = table.schema.get_field_index("tokens")
        pa.csv.write_csv(table.set_column(at, "tokens", [texts]), folder / name / "part.csv")


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the commands of the README were run."""
    folder = tmp_path_factory.mktemp("documents")
    write_rows(folder)
    run_all(README, folder)
    return folder


def run_all(document: Path, folder: Path, done: Collection[str] = ()) -> None:
    """Runs the commands of a document that are not listed, one after the other. Those that are
    `done` find their own result."""
    made: set[str] = set()
    for command in commands(document):
        if not listed(command):
            make_room(command, folder, made, keep=command in done)
            in_shell = FULL or module_of(command) is None
            (run_in_shell if in_shell else run_here)(
                command if FULL else with_less(command), folder
            )


def with_less(command: str) -> str:
    """
    >>> with_less("python -m pipeline.folds --folds 5")
    'python -m pipeline.folds --folds 2'
    """
    for much, less in LESS.items():
        command = command.replace(much, less)
    return command


def make_room(command: str, folder: Path, made: set[str], keep: bool) -> None:
    """What is there already goes, unless this document has made it. A folder that the same command
    has made may be kept: a stage then finds its result."""
    words = shlex.split(command)
    output = words[words.index("--output") + 1] if "--output" in words else None
    makes = module_of(command) != "pipeline.doctor" and "--print-config" not in words
    if output and makes and output not in made:
        made.add(output)
        path = folder / output
        if path.is_file():
            path.unlink()
        elif not keep:
            shutil.rmtree(path, ignore_errors=True)


def run_in_shell(command: str, folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
        input=TYPED,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def run_here(command: str, folder: Path) -> None:
    """A line `python -m MODULE ARGUMENT ... [> FILE]`, or `shared-weights WORD ARGUMENT ...`."""
    words, _, target = command.partition(" > ")
    module = module_of(words)
    start, *arguments = shlex.split(words)
    assert module is not None and start in ("python", "shared-weights"), command
    arguments = arguments[2:] if start == "python" else arguments[1:]
    with pytest.MonkeyPatch.context() as as_process, contextlib.ExitStack() as opened:
        as_process.chdir(folder)
        as_process.setattr(sys, "argv", [module, *arguments])
        as_process.setattr(sys, "stdin", io.StringIO(TYPED))
        as_process.setattr("pipeline.running.processes.run_stage", stage_here)
        as_process.setenv(VARIABLE, "plain")
        # tf.Transform leaves it to the process that has loaded it.
        as_process.delenv("TF_USE_LEGACY_KERAS", raising=False)
        if target:
            file = opened.enter_context(Path(target).open("w", encoding="utf-8"))
            opened.enter_context(contextlib.redirect_stdout(file))
        with pytest.raises(SystemExit) as ended:
            main(importlib.import_module(module).run)
    assert ended.value.code == 0, command


@pytest.mark.parametrize(
    "document",
    [d for d in DOCUMENTS if commands(d) and d.name not in (README.name, "quickstart.md")],
    ids=lambda document: document.name,
)
def test_every_command_works_in_its_turn(document: Path, small_run: Path, tmp_path: Path) -> None:
    if document.name == "page.md" and not (RUNTIME / CODE).exists():
        pytest.skip("onnxruntime-web is not installed: make web")
    folder = shutil.copytree(small_run, tmp_path / "as a reader")
    run_all(document, folder, done=commands(README))


def test_the_commands_of_the_readme_make_what_they_say(small_run: Path) -> None:
    assert {"data", "run", "model"} <= {path.name for path in (small_run / "OUT").iterdir()}
    assert pa.parquet.read_metadata(small_run / "scores.parquet").num_rows == 300


def test_a_bare_fence_holds_commands_and_every_other_says_what_it_holds() -> None:
    words = {word for document in DOCUMENTS for word, _ in fenced(document)}
    assert words <= OTHERS | {""}


def test_no_reason_stands_there_for_a_command_that_is_gone() -> None:
    said = [command for document in DOCUMENTS for command in commands(document)]
    for piece in NOT_RUN | SLOW | LESS:
        assert any(piece in command for command in said), piece
