"""The export command: a certified file or none."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from small_run import exported

from pipeline import manifest
from pipeline.failures import Exit, Failure
from pipeline.folders import prepared
from pipeline.folders.prepared import Vocabulary, read_vocabulary
from serving import export
from serving.exporting.graph import check
from serving.model_file.metadata import KEY, from_json

ROOT = Path(__file__).parents[2]


def run(folder: Path, output: Path, *more: str) -> None:
    export.run(["--run", str(folder), "--output", str(output), *more])


def copied(folder: Path) -> Path:
    """The small run and its model, in a folder of the test's own."""
    shutil.copytree(exported(), folder / "out")
    return folder / "out"


def test_the_folder_is_published_with_a_certificate_of_its_file() -> None:
    folder = exported() / "model"
    manifest.verify(folder, stage="model")
    digest = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    assert (folder / "model.onnx.sha256").read_text() == f"{digest}  model.onnx\n"
    certificate = json.loads((folder / "certificate.json").read_text())
    assert certificate["sha256"] == digest
    assert certificate["rows"] == sum(certificate["cases"].values())


def test_the_file_has_the_versions_domains_inputs_and_outputs_of_the_contract() -> None:
    model = onnx.load(exported() / "model" / "model.onnx")
    assert model.ir_version == 10
    assert {o.domain: o.version for o in model.opset_import} == {"": 18, "ai.onnx.ml": 3}
    inputs = {
        i.name: [d.dim_value for d in i.type.tensor_type.shape.dim] for i in model.graph.input
    }
    assert inputs == {
        **{"word": [0], "previous": [0, 4], "age": [0], "size": [0], "place": [0]},
        "top_k": [1],
        **{f"{head}.{of}": [0, 0] for head in ("next", "tags") for of in ("exclude", "only")},
    }
    assert [o.name for o in model.graph.output] == [
        *("next.labels", "next.scores", "tags.labels", "tags.scores"),
        *("ends.score", "left.value", "many.value"),
    ]
    assert not {n.op_type for n in model.graph.node} & {"Loop", "If", "Scan"}


def test_the_file_says_what_it_is() -> None:
    model = onnx.load(exported() / "model" / "model.onnx")
    said = from_json({p.key: p.value for p in model.metadata_props}[KEY])
    assert (said.name, said.keys, said.top_k) == ("small", ("key",), 3)
    assert [h.name for h in said.heads] == ["next", "tags", "ends", "left", "many"]
    assert [f.column for f in said.fields] == ["word", "previous", "age", "size", "place"]
    assert {"spec", "hashes", "versions", "metrics", "certificate"} <= set(said.facts)


def test_the_same_run_is_not_exported_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = copied(tmp_path)
    before = (out / "model" / "model.onnx").stat().st_mtime_ns
    run(out / "run", out / "model")
    assert "up to date" in capsys.readouterr().out
    assert (out / "model" / "model.onnx").stat().st_mtime_ns == before


def test_the_same_run_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    """Sets are ordered otherwise there: by other hashes of strings, by other places in memory."""
    said = {"--run": exported() / "run", "--output": tmp_path / "model"}
    line = ["-m", "serving.export", *(str(word) for pair in said.items() for word in pair)]
    environment = {**os.environ, "PYTHONHASHSEED": "4321", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *line], env=environment, check=True, capture_output=True)
    for name in ("model.onnx", "model.onnx.sha256", "certificate.json", "README.md"):
        assert (tmp_path / "model" / name).read_bytes() == (
            exported() / "model" / name
        ).read_bytes()


def test_a_damaged_run_is_refused(tmp_path: Path) -> None:
    out = copied(tmp_path)
    with (out / "run" / "model.keras").open("ab") as file:
        file.write(b"x")
    with pytest.raises(Failure) as failure:
        run(out / "run", out / "model")
    assert failure.value.exit_code == Exit.INTEGRITY


def test_a_file_that_differs_from_keras_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_order(path: Path) -> Vocabulary:
        return dict(reversed(read_vocabulary(path).items()))

    monkeypatch.setattr(prepared, "read_vocabulary", other_order)
    with pytest.raises(Failure, match="must give what Keras gives") as failure:
        run(exported() / "run", tmp_path / "model")
    assert failure.value.exit_code == Exit.INTEGRITY
    assert not (tmp_path / "model").exists()


def test_an_operation_that_is_not_known_is_refused() -> None:
    model = onnx.load(exported() / "model" / "model.onnx")
    model.graph.node.append(onnx.helper.make_node("Loop", ["x"], ["y"], name="l"))
    with pytest.raises(Failure, match=r"Received: ai\.onnx\.Loop") as failure:
        check(model)
    assert failure.value.exit_code == Exit.INTEGRITY
