"""Who may import whom, seen where it counts: in `sys.modules` of a fresh process."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BEAM, TRANSFORM = {"apache_beam"}, {"tensorflow_transform", "tfx_bsl"}
LEARNING = {"tensorflow", "keras", "tf_keras"}
CONVERTING = {"tf2onnx", "onnx"}
SPEC = {"pydantic", "yaml"}
ALL_HEAVY = BEAM | TRANSFORM | LEARNING | CONVERTING | {"onnxruntime"}

# Modules that are read far beyond their own stage, and so must stay light.
LIGHT = {
    "pipeline.failures": {"numpy", "pyarrow", *SPEC, *ALL_HEAVY},
    "pipeline.console.progress": {"numpy", "pyarrow", "rich", *SPEC, *ALL_HEAVY},
    "pipeline.code_hash": {"numpy", "pyarrow", *SPEC, *ALL_HEAVY},
    "pipeline.manifest": {"numpy", "pyarrow", *SPEC, *ALL_HEAVY},
    "pipeline.folders.model": {"numpy", "pyarrow", *SPEC, *ALL_HEAVY},
    "pipeline.folders.output": {"numpy", "pyarrow", *ALL_HEAVY},
    "pipeline.spec": {"numpy", "pyarrow", *ALL_HEAVY},
    "pipeline.spec.file": {"numpy", "pyarrow", *ALL_HEAVY},
    "pipeline.rows": {*SPEC, *ALL_HEAVY},
    "pipeline.sides": {*SPEC, *ALL_HEAVY},
    "pipeline.surroundings": {"numpy", "pyarrow", *SPEC, *ALL_HEAVY},
    "pipeline.storage.stores": {"numpy", "pyarrow", *SPEC, *ALL_HEAVY},
    "kinds.analysis": {*SPEC, *ALL_HEAVY},
    "kinds.names": {"numpy", "pyarrow", *SPEC, *ALL_HEAVY},
    "kinds.columns": {*SPEC, *ALL_HEAVY},
    "kinds.heads.show": {*SPEC, *ALL_HEAVY},
    "kinds.inputs.show": {*SPEC, *ALL_HEAVY},
    "kinds.heads.graph": BEAM | TRANSFORM | CONVERTING | {"onnxruntime"},
    "kinds.heads.prepare": ALL_HEAVY,
    "kinds.inputs.graph": BEAM | TRANSFORM | CONVERTING | {"onnxruntime"},
    "kinds.inputs.ids.numbering": {"numpy", "pyarrow", *SPEC, *ALL_HEAVY},
    "kinds.inputs.prepare": ALL_HEAVY,
    "kinds.heads.score": {*SPEC, *ALL_HEAVY},
    "kinds.heads.onnx": {*SPEC, *ALL_HEAVY} - {"onnx"},
    "kinds.inputs.onnx": ALL_HEAVY - {"onnx"},
    "pipeline.drift": ALL_HEAVY,
    "pipeline.forget": ALL_HEAVY,
    "pipeline.run": ALL_HEAVY,
    "serving.scorer": {*SPEC, *ALL_HEAVY} - {"onnxruntime"},
    "serving.score": {*SPEC, *ALL_HEAVY} - {"onnxruntime"},
    "serving.ask": {*SPEC, *ALL_HEAVY} - {"onnxruntime"},
    "serving.neighbours": {*SPEC, *ALL_HEAVY} - {"onnxruntime"},
    "serving.vectors": {*SPEC, *ALL_HEAVY} - {"onnxruntime"},
    "serving.page": {*SPEC, *ALL_HEAVY} - {"onnxruntime"},
    "serving.report": ALL_HEAVY - {"onnxruntime"},
    "examples.next_identifier.rows": ALL_HEAVY,
    "examples.next_identifier.demo": ALL_HEAVY,
    "examples.tennis.rows": ALL_HEAVY,
    "examples.made_up_rows": ALL_HEAVY,
}
# The stages meet on disk only: none of them imports another.
STAGES = {
    "pipeline": {"trainer", "serving", "examples", *CONVERTING, "onnxruntime"},
    "trainer": {*BEAM, *TRANSFORM, *CONVERTING, "onnxruntime", "serving", "examples"},
    "serving": {*BEAM, "trainer", "examples"},
}
# What the later stages may use of the first one's package: modules, and packages as a whole.
FOR_ALL = {
    *("spec", "manifest", "code_hash", "failures", "folders", "console", "storage"),
    "surroundings",
}
FROM_PIPELINE = {
    "trainer": FOR_ALL,
    "serving": {*FOR_ALL, "rows", "fields", "distributions", "sides", "near"},
}
# The one module of ours outside `pipeline` that is a piece of a Beam pipeline.
BEAM_ALLOWED = {"serving.beam"}


def modules_of(package: str) -> list[str]:
    paths = sorted(
        path.relative_to(ROOT).with_suffix("") for path in (ROOT / package).rglob("*.py")
    )
    return [".".join(path.parts) for path in paths if path.name != "__init__"]


@cache
def imported_with(*modules: str) -> set[str]:
    """The name of every module that is loaded after importing `modules` in a fresh process."""
    code = f"import json, sys, {', '.join(modules)}; print('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def libraries(modules: set[str]) -> set[str]:
    """
    >>> sorted(libraries({"numpy", "numpy.linalg", "pipeline.spec"}))
    ['numpy', 'pipeline']
    """
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize("kept_out", dict.fromkeys(frozenset(one) for one in LIGHT.values()))
def test_light_modules_do_not_load_the_heavy_libraries(kept_out: frozenset[str]) -> None:
    """All that keep out the same are loaded together: what one of them loads, all do."""
    modules = [module for module, heavy in LIGHT.items() if heavy == kept_out]
    assert not libraries(imported_with(*modules)) & kept_out, modules


@pytest.mark.parametrize("package", STAGES)
def test_no_module_of_a_stage_loads_another_stage(package: str) -> None:
    loaded = imported_with(*(m for m in modules_of(package) if m not in BEAM_ALLOWED))
    assert not libraries(loaded) & STAGES[package]


@pytest.mark.parametrize("package", FROM_PIPELINE)
def test_later_stages_use_only_the_light_part_of_the_pipeline(package: str) -> None:
    loaded = imported_with(*(m for m in modules_of(package) if m not in BEAM_ALLOWED))
    used = {name.split(".")[1] for name in loaded if name.startswith("pipeline.")}
    assert used
    assert used <= FROM_PIPELINE[package]


def test_the_trainer_does_not_name_pyarrow() -> None:
    """By name, because Keras loads pandas where there is one, and pandas loads pyarrow."""
    sources = {path.name: path.read_text() for path in (ROOT / "trainer").rglob("*.py")}
    assert sources
    assert [name for name, source in sources.items() if "pyarrow" in source] == []


def test_the_scorer_runs_on_its_own_extra() -> None:
    """What the scorer loads from outside the standard library is its extra, and nothing else."""
    loaded = libraries(imported_with("serving.score") - imported_with("sys"))
    # pyarrow loads cloudpickle where there is one, and does without it.
    unasked = {"cython_runtime", "cloudpickle"}
    ours = {name for name in loaded - unasked if not name.startswith("_")}
    outside = ours - set(sys.stdlib_module_names)
    assert outside == {"kinds", "numpy", "onnxruntime", "pyarrow", "pipeline", "serving"}


@pytest.mark.parametrize("package", ["trainer", "serving"])
def test_keras_is_imported_by_its_own_name(package: str) -> None:
    """`tf.keras` is Keras 2 in a process that has imported tf.Transform."""
    sources = {path.name: path.read_text() for path in (ROOT / package).rglob("*.py")}
    assert sources
    assert [name for name, source in sources.items() if "tensorflow.keras" in source] == []
    uses = re.compile(r"^[^#\"`]*\btf\.keras\b", re.MULTILINE)
    assert [name for name, source in sources.items() if uses.search(source)] == []
