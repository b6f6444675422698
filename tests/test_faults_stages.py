"""Each stage under faults: killed, on a full disk, without permission; then started again.

Whatever happened to it, it ends with the same bits as one that nothing happened to. `make test`
kills each stage once; `make faults` kills each twenty times, training also eight times in a row,
and does the rest. It says how many kills met the stage at work and how long a signal to end took.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
import tensorflow as tf
from killing import Stage, moments, stage
from saved_weights import saved_weights
from small_run import exported, small_model, small_rows, write_run
from tiny_data import tiny_data, tiny_spec

from pipeline.manifest import verify

FULL = os.environ.get("CI_FULL") == "1"
slow = pytest.mark.skipif(not FULL, reason="slow; make faults runs it")
# So many kills of each stage, each followed by a run to the end, and so many in a row; they fall
# into that part of a run.
KILLS, IN_A_ROW, WITHIN = (int(os.environ.get("KILLS", "20")), 8, 1.0) if FULL else (1, 0, 0.5)
# So many signals to end.
ENDS = 5 if FULL else 1

ROWS = "\n".join(["key,word,x,y", *(f"{i},w{i % 37},{i % 11}.5,{i % 2}" for i in range(600))])
SPEC = """
name: killed
keys: [key]
vocabularies: {words: {}}
inputs: {word: {kind: category, vocabulary: words, embedding: 4}, x: {kind: number}}
heads: {y: {kind: binary}}
split: {by: hash, columns: [key], eval: 0.2, test: 0.1}
training: {}
"""


@dataclass(frozen=True)
class Case:
    """A stage: the modules to import, its arguments but the output, the output's name, and what
    must be the same in two outputs."""

    modules: tuple[str, ...]
    arguments: Callable[[Path], list[str]]
    output: str
    content: Callable[[Path], Any]


def prepare_arguments(folder: Path) -> list[str]:
    (folder / "spec.yaml").write_text(SPEC)
    (folder / "rows.csv").write_text(ROWS)
    return ["--spec", str(folder / "spec.yaml"), "--input", str(folder / "rows.csv")]


def train_arguments(folder: Path) -> list[str]:
    said = {"trunk: {layers: [8]}": "trunk: {layers: [8], dropout: 0.4}"}
    said |= {"epochs: 3": "epochs: 6", "{units: 5}": "{units: 5, phases: {every: 2}}"}
    tiny_data(folder / "data", spec=tiny_spec(replace=said))
    return ["--data", str(folder / "data")]


def export_arguments(folder: Path) -> list[str]:
    return ["--run", str(write_run(folder / "run", small_model()))]


def score_arguments(folder: Path) -> list[str]:
    model, rows = exported() / "model" / "model.onnx", folder / "rows.parquet"
    pyarrow.parquet.write_table(pa.concat_tables([small_rows(20_000)] * 8), rows)
    return ["--model", str(model), "--input", str(rows), "--workers", "1"]


def data_content(folder: Path) -> Any:
    """Vocabularies, statistics, and the records of each side whatever their order."""
    names = [name for name in verify(folder, stage="data").files if "examples/" in name]
    records: dict[str, list[bytes]] = {}
    for name in names:
        dataset = tf.data.TFRecordDataset(str(folder / name), "GZIP")
        rows = [tf.train.Example.FromString(record) for record in dataset.as_numpy_iterator()]
        # The order of features within a record means nothing, and differs from run to run.
        found = [row.SerializeToString(deterministic=True) for row in rows]
        records.setdefault(Path(name).parent.name, []).extend(found)
    said = {p.name: p.read_bytes() for p in (folder / "vocabulary").iterdir()}
    return {side: sorted(found) for side, found in records.items()}, said


def run_content(folder: Path) -> Any:
    """Every weight, the metrics, and the history without its times."""
    verify(folder, stage="run")
    return saved_weights(folder), (folder / "metrics.json").read_bytes()


def model_content(folder: Path) -> Any:
    """Every file but the manifest, which has what the run took."""
    return {name: (folder / name).read_bytes() for name in verify(folder, stage="model").files}


CASES = {
    "prepare": Case(
        ("pipeline.prepare", "pipeline.preparing.beam_graph", "pipeline.preparing.examples"),
        prepare_arguments,
        "out",
        data_content,
    ),
    "train": Case(("trainer.task", "trainer.stage"), train_arguments, "out", run_content),
    "export": Case(
        ("serving.export", "serving.exporting.model_folder"), export_arguments, "out", model_content
    ),
    "score": Case(("serving.score",), score_arguments, "s.parquet", Path.read_bytes),
}


@dataclass(frozen=True)
class Tried:
    """A stage, what an undisturbed run of it gave, and a process to run it in."""

    name: str
    case: Case
    process: Stage
    arguments: list[str]
    whole: Path
    expected: Any

    def line(self, folder: Path, *, force: bool = False) -> tuple[Path, list[str]]:
        folder.mkdir(exist_ok=True)
        output = folder / self.case.output
        return output, [*self.arguments, "--output", str(output), *["--force"] * force]


@pytest.fixture(scope="module", params=CASES)
def tried(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tried]:
    name, folder = request.param, tmp_path_factory.mktemp("stage")
    case = CASES[name]
    arguments, whole = case.arguments(folder), folder / case.output
    with stage(folder, *case.modules) as process:
        assert process.run([*arguments, "--output", str(whole)]) == 0, process.log()
        yield Tried(name, case, process, arguments, whole, case.content(whole))


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small file system of its own."""
    folder.mkdir(exist_ok=True)
    line = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    if subprocess.run(line, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_killed_runs_end_with_the_same_bits(
    tried: Tried, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    met, rows = 0, [1] * KILLS + [IN_A_ROW] * (tried.name == "train")
    for number, kills in enumerate(rows):
        output, line = tried.line(tmp_path / f"killed {number}")
        for moment in moments(kills, f"{tried.name} {number}"):
            code = tried.process.run(line, after=moment * WITHIN * tried.process.fastest)
            assert code in (0, -signal.SIGKILL, 3), tried.process.log()
            met += code == -signal.SIGKILL
            # Nothing half done can be read as done.
            assert not output.exists() or tried.case.content(output) == tried.expected
        assert tried.process.run(tried.line(output.parent, force=output.exists())[1]) == 0
        assert tried.case.content(output) == tried.expected
    with capsys.disabled():
        print(f"\n{tried.name}: {sum(rows)} kills, {met} of them at work; all ended the same")


@slow
def test_a_full_disk_leaves_what_was_there(tried: Tried, tmp_path: Path) -> None:
    # Room for what scoring needs at its end: the output before, its parts, the new output.
    with mounted(tmp_path / "small", "size=64m") as folder:
        output, line = tried.line(folder, force=True)
        copy = shutil.copytree if tried.whole.is_dir() else shutil.copyfile
        copy(tried.whole, output)
        filler = folder / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(folder).free - 30_000))
        assert tried.process.run(line) == 6, tried.process.log()
        said = tried.process.log()
        assert re.search(f"error: No space left on device: {output} needs more than .* bytes", said)
        assert "Traceback" not in said
        assert tried.case.content(output) == tried.expected
        filler.unlink()
        assert tried.process.run(line) == 0, tried.process.log()
        assert tried.case.content(output) == tried.expected


@slow
def test_a_folder_that_must_not_be_written_ends_it_before_any_work(
    tried: Tried, tmp_path: Path
) -> None:
    with mounted(tmp_path / "read only", "ro") as folder:
        assert tried.process.run(tried.line(folder)[1]) == 6
        assert re.search(r"\nerror: Read-only file system: .*\n$", "\n" + tried.process.log())


@slow
def test_a_file_in_the_place_of_the_folder_is_no_fault_of_ours(
    tried: Tried, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    line = [*tried.arguments, "--output", str(tmp_path / "file" / tried.case.output)]
    assert tried.process.run(line) in (2, 6)
    assert "Traceback" not in tried.process.log()
    assert (tmp_path / "file").read_text() == "mine"


@slow
def test_a_full_folder_for_temporary_files_costs_no_bits(tried: Tried, tmp_path: Path) -> None:
    """A stage does without it, or says that a disk is full; then it ends the same."""
    output, line = tried.line(tmp_path)
    with mounted(tried.process.temporary, "size=64k") as folder:
        (folder / "filler").write_bytes(bytes(shutil.disk_usage(folder).free))
        code = tried.process.run(line)
        assert code in (0, 6), tried.process.log()
        assert code == 0 or "error: No space left on device" in tried.process.log()
        assert "Traceback" not in tried.process.log()
    assert tried.process.run(tried.line(tmp_path, force=output.exists())[1]) == 0
    assert tried.case.content(output) == tried.expected


# What Python tells of the time, in every process of the run.
CLOCK = """
import time
seconds, nanoseconds = time.time, time.time_ns
time.time = lambda: seconds() + {off}
time.time_ns = lambda: nanoseconds() + {off} * 10**9
"""


@slow
@pytest.mark.parametrize("years", [-40, 40])
def test_a_clock_that_is_decades_off_costs_no_bits(
    tried: Tried, tmp_path: Path, years: int
) -> None:
    (tmp_path / "sitecustomize.py").write_text(CLOCK.format(off=years * 365 * 86_400))
    output, line = tried.line(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", tried.case.modules[0], *line],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path.cwd())])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert tried.case.content(output) == tried.expected


@slow
def test_a_signal_to_end_ends_it_soon(
    tried: Tried, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waited = []
    for number, moment in enumerate(moments(ENDS, f"{tried.name} ends")):
        output, line = tried.line(tmp_path / str(number))
        after = moment * tried.process.fastest
        code = tried.process.run(line, after=after, number=signal.SIGTERM)
        waited.append(tried.process.seconds_after)
        # 143 where the loop saves, the signal itself elsewhere (143 too, as shells tell it).
        assert code in (143, -signal.SIGTERM, 0), tried.process.log()
        assert tried.process.run(tried.line(output.parent, force=output.exists())[1]) == 0
        assert tried.case.content(output) == tried.expected
    with capsys.disabled():
        print(f"\n{tried.name}: ended at most {max(waited):.1f} s after SIGTERM, of {ENDS} times")
    assert max(waited) < 10
