"""A stage is made again when its own code changes, and only then."""

import ast
import shutil
from pathlib import Path

import pytest
from test_imports import ROOT, imported_with

from pipeline.code_hash import PACKAGES, _loading, code_hash, sources

# The module that makes each stage's result; the command loads it where there is something to do.
PREPARE, TRAIN, EXPORT = (
    "pipeline.preparing.beam_graph",
    "trainer.stage",
    "serving.exporting.model_folder",
)
ENTRIES = (PREPARE, TRAIN, EXPORT)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return folder


@pytest.fixture(scope="module")
def before(copy: Path) -> dict[str, str]:
    return {entry: code_hash(entry, root=copy) for entry in ENTRIES}


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("pipeline/completion.py", set()),
        ("pipeline/doctor.py", set()),
        ("pipeline/run.py", set()),
        ("pipeline/preparing/infer.py", set()),
        ("trainer/search.py", set()),
        ("serving/score.py", set()),
        ("pipeline/preparing/features.py", {PREPARE}),
        ("pipeline/preparing/transform_graph.py", {PREPARE}),  # imported in a function
        ("trainer/__init__.py", {TRAIN}),
        ("kinds/row_sums.py", {TRAIN}),
        ("serving/exporting/graph.py", {EXPORT}),
        ("kinds/heads/count/onnx.py", {EXPORT}),
        ("pipeline/fields.py", {PREPARE, EXPORT}),
        ("pipeline/storage/stores.py", {PREPARE, TRAIN, EXPORT}),
        ("pipeline/spec/training.py", {PREPARE, TRAIN, EXPORT}),
        ("kinds/heads/count/spec.py", {PREPARE, TRAIN, EXPORT}),  # loaded by name
        ("kinds/heads/count/graph.py", {PREPARE}),
        ("kinds/heads/count/network.py", {TRAIN}),
        ("kinds/columns/flags.py", {PREPARE, TRAIN, EXPORT}),
        ("kinds/inputs/category/__init__.py", {PREPARE, TRAIN, EXPORT}),
    ],
)
def test_a_module_belongs_to_the_stages_that_import_it(
    copy: Path, before: dict[str, str], path: str, changed: set[str]
) -> None:
    source = copy / path
    content = source.read_bytes()
    source.write_bytes(content + b"\n")
    after = {entry: code_hash(entry, root=copy) for entry in ENTRIES}
    source.write_bytes(content)
    assert {entry for entry in ENTRIES if before[entry] != after[entry]} == changed


@pytest.mark.parametrize("entry", ENTRIES)
def test_all_that_is_loaded_is_known(entry: str) -> None:
    """What a fresh process loads with the stage's module, whoever asked for it by which means."""
    known = {path.relative_to(ROOT).with_suffix("") for path in sources(entry)}
    names = {".".join(path.parts).removesuffix(".__init__") for path in known}
    loaded = {name for name in imported_with(entry) if name.partition(".")[0] in PACKAGES}
    assert entry in loaded
    assert loaded <= names


def test_a_kind_answers_for_the_stages_that_ask_it(tmp_path: Path) -> None:
    _write(tmp_path, "kinds/inputs/__init__.py", "KINDS = ('one',)")
    _write(tmp_path, "kinds/inputs/one/prepare.py", "from kinds.inputs.ids.prepare import count")
    _write(tmp_path, "kinds/inputs/ids/prepare.py", "")
    _write(tmp_path, "kinds/inputs/one/network.py", "")
    _write(tmp_path, "kinds/inputs/two/prepare.py", "")
    _write(tmp_path, "kinds/inputs/prepare.py", "K = answers('kinds.inputs', 'prepare', Prepare)")
    _write(tmp_path, "pipeline/one.py", "def run():\n    from kinds.inputs import prepare")
    found = [str(path.relative_to(tmp_path)) for path in sources("pipeline.one", root=tmp_path)]
    assert found == [
        "kinds/inputs/__init__.py",
        "kinds/inputs/ids/prepare.py",
        "kinds/inputs/one/prepare.py",
        "kinds/inputs/prepare.py",
        "pipeline/one.py",
    ]


def test_every_way_to_import_is_followed(tmp_path: Path) -> None:
    lines = [
        "import json, pipeline.a.b",
        "from . import c",
        "from .d import something",
        "from pipeline import e, nothing",
        "if TYPE_CHECKING:\n    from pipeline import f",
        "else:\n    from pipeline import g",
        "import_module(f'pipeline.h_{name}s')",
        "import_module(name)",
    ]
    _write(tmp_path, "pipeline/one.py", "\n".join(lines))
    for name in ("a/__init__", "a/b", "c", "d", "e", "f", "g", "h_as", "h_bs", "h_c", "unused"):
        _write(tmp_path, f"pipeline/{name}.py", "")
    _write(tmp_path, "pipeline/d.py", "from ..trainer import x")
    _write(tmp_path, "trainer/x.py", "")
    found = [str(path.relative_to(tmp_path)) for path in sources("pipeline.one", root=tmp_path)]
    files = [
        "a/__init__.py",
        "a/b.py",
        "c.py",
        "d.py",
        "e.py",
        "g.py",
        "h_as.py",
        "h_bs.py",
        "one.py",
    ]
    assert found == [*(f"pipeline/{name}" for name in files), "trainer/x.py"]


def test_a_stage_without_a_module_is_refused() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"pipeline\.gone"):
        code_hash("pipeline.gone")


def test_the_name_of_a_module_counts(tmp_path: Path) -> None:
    for folder, name in (("a", "one"), ("b", "two")):
        _write(tmp_path, f"{folder}/pipeline/{name}.py", "")
    assert code_hash("pipeline.one", root=tmp_path / "a") != code_hash(
        "pipeline.two", root=tmp_path / "b"
    )


def test_a_source_is_hardly_parsed_more_than_once_for_all_stages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    contents = {path.read_bytes() for path in sources(*ENTRIES)}
    parsed: list[bytes] = []
    parse = ast.parse

    def counted(source: bytes) -> ast.Module:
        parsed.append(source)
        return parse(source)

    _loading.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(ast, "parse", counted)
        for entry in ENTRIES:
            code_hash(entry)
    # The lists of kinds are read once more for each question to them.
    assert len(contents) == len(set(parsed)) > 0.9 * len(parsed)


def _write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
