"""What `pip install` and the locks promise."""

import hashlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import pipeline

ROOT = Path(__file__).parent.parent
VERSIONS = ("3.11", "3.12", "3.13")
PACKAGES = ("kinds", "pipeline", "trainer", "serving")
# Of the text at https://www.apache.org/licenses/LICENSE-2.0.txt.
APACHE_2_0 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
FLOORS = {"onnx": "1.21", "onnxruntime": "1.28", "keras": "3.15.1"}
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {
    extra: [Requirement(line) for line in lines]
    for extra, lines in PROJECT["optional-dependencies"].items()
}


def lock(version: str, extra: str) -> str:
    return (ROOT / f"requirements/py{version.replace('.', '')}-{extra}.txt").read_text()


def pinned(version: str, extra: str) -> dict[str, Version]:
    pins = re.findall(r"^([a-z0-9-]+)==(\S+)", lock(version, extra), re.MULTILINE)
    return {name: Version(pin) for name, pin in pins}


def test_each_supported_python_has_its_locks() -> None:
    supported = Requirement(f"python{PROJECT['requires-python']}").specifier
    minors = [f"3.{minor}" for minor in range(30) if f"3.{minor}" in supported]
    assert tuple(minors) == VERSIONS
    locks = {path.name for path in (ROOT / "requirements").glob("py*.txt")}
    pythons = [version.replace(".", "") for version in VERSIONS]
    assert locks == {f"py{p}-{extra}.txt" for p in pythons for extra in ("dev", "score")}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("extra", ["dev", "score"])
def test_a_lock_holds_pins_with_hashes_and_nothing_else(version: str, extra: str) -> None:
    pin = re.compile(
        r"[a-z0-9-]+(\[[a-z]+\])?==[\w.]+ \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+"
    )
    without_comments = re.sub(r"^#.*\n", "", lock(version, extra), flags=re.MULTILINE)
    assert pin.sub("", without_comments) == ""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("extra", ["dev", "score"])
def test_a_lock_satisfies_the_project(version: str, extra: str) -> None:
    pins = pinned(version, extra)
    for wanted in [r for r in requirements(extra) if r.name != PROJECT["name"]]:
        assert pins[wanted.name.lower()] in wanted.specifier, wanted


def requirements(extra: str) -> list[Requirement]:
    """The requirements of an extra, with those of the extras that it names."""
    own = EXTRAS[extra]
    named = [inner for r in own if r.name == PROJECT["name"] for inner in sorted(r.extras)]
    return own + [r for inner in named for r in requirements(inner)]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_scorer_is_locked_to_what_it_was_tested_with(version: str) -> None:
    everything = pinned(version, "dev")
    score = pinned(version, "score")
    assert score.items() <= everything.items()
    assert {"tensorflow", "keras", "apache-beam", "onnx", "pydantic"}.isdisjoint(score)


def test_the_base_installs_nothing_and_the_scorer_three_libraries() -> None:
    assert PROJECT["dependencies"] == []
    assert {r.name for r in EXTRAS["score"]} == {"numpy", "onnxruntime", "pyarrow"}


@pytest.mark.parametrize("name", FLOORS)
def test_no_version_with_a_known_hole_is_allowed(name: str) -> None:
    floor = Version(FLOORS[name])
    asked = [r for extra in EXTRAS.values() for r in extra if r.name == name]
    assert asked
    for wanted in asked:
        lowest = min(Version(part.version) for part in wanted.specifier if part.operator == ">=")
        assert lowest >= floor


def test_an_extra_for_each_stage() -> None:
    stages = {"prepare", "train", "export", "score"}
    besides = {"report", "tune", "tracking", "sign"}
    assert set(EXTRAS) == stages | besides | {"gcp", "dev"}


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the archive that Beam builds for its workers (--setup_file)."""
    folder = tmp_path_factory.mktemp("sdist")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for package in (*PACKAGES, "tests"):
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("node_modules")
        )
    command = [sys.executable, "setup.py", "--quiet", "sdist", "--dist-dir", "dist"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (archive,) = (folder / "dist").iterdir()
    assert archive.name == f"shared_weights-{pipeline.__version__}.tar.gz"
    with tarfile.open(archive) as files:
        opened = ((m.name.partition("/")[2], files.extractfile(m)) for m in files.getmembers())
        return {name: file.read() for name, file in opened if file}


def test_setup_py_packs_every_module_of_the_stages(packed: dict[str, bytes]) -> None:
    stages = [path for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
    stages += [ROOT / name / "py.typed" for name in PACKAGES]
    stages += (ROOT / "kinds").rglob("*.js")
    stages += (ROOT / "serving" / "templates").iterdir()
    stages += (ROOT / "serving" / "web").glob("[!.]*.*")
    assert {str(path.relative_to(ROOT)) for path in stages} <= set(packed)


def test_the_metadata_has_licence_and_version_and_no_address(packed: dict[str, bytes]) -> None:
    said = packed["PKG-INFO"].decode().partition("\n\n")[0]
    assert f"\nVersion: {pipeline.__version__}\n" in said
    assert {"License-Expression: Apache-2.0", "License-File: LICENSE"} <= set(said.splitlines())
    assert "://" not in said
    assert hashlib.sha256(packed["LICENSE"]).hexdigest() == APACHE_2_0


def test_the_version_stands_in_one_place_and_every_document_agrees() -> None:
    assert "version" in PROJECT["dynamic"] and "version" not in PROJECT
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == pipeline.__version__
    assert citation["license"] == PROJECT["license"]
    releases = re.findall(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert releases[0] == pipeline.__version__


def test_the_console_command_is_a_function_that_is_there() -> None:
    [(name, place)] = PROJECT["scripts"].items()
    module, _, function = place.partition(":")
    assert name == PROJECT["name"] == "shared-weights"
    assert callable(getattr(importlib.import_module(module), function))


def test_the_classifiers_name_the_pythons_that_have_locks() -> None:
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert tuple(named) == VERSIONS


def make(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """`make` that only says what it would do, as a person would call it from a shell."""
    if shutil.which("make") is None:
        pytest.skip("there is no make on this machine")
    outer = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PYTHON", "ROWS"}
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_a_python_without_a_lock_is_refused_with_the_ones_that_have_one() -> None:
    done = make("check", "PYTHON=/nowhere/python")
    assert done.returncode != 0
    assert "3.11 3.12 3.13" in done.stderr
    assert "/nowhere/python" in done.stderr


def modules_run(target: str) -> list[str]:
    """What `make` runs with the Python of the environment, installations left out."""
    lines = make("--dry-run", target, f"PYTHON={sys.executable}").stdout.splitlines()
    ends = [line.partition(" -m ")[2] for line in lines if line.startswith(".venv/bin/python -m")]
    return [end for end in ends if not end.startswith("pip ")]


def test_make_test_runs_the_checks_and_then_the_tests() -> None:
    checks = ["ruff format --check .", "ruff check .", "mypy"]
    by_file = "pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder"
    assert modules_run("test") == [*checks, by_file]


def test_pre_commit_runs_the_checks_of_make_check() -> None:
    said = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    (local,) = said["repos"]
    assert local["repo"] == "local"
    entries = [hook["entry"].partition(".venv/bin/python -m ")[2] for hook in local["hooks"]]
    assert entries == modules_run("check")


def test_github_runs_make_test_on_every_supported_python() -> None:
    said = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())
    (job,) = said["jobs"].values()
    assert tuple(job["strategy"]["matrix"]["python"]) == VERSIONS
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands[-1].startswith("make test")
    assert said["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("form", ["bug", "proposal"])
def test_a_form_for_issues_asks_questions_by_names_of_their_own(form: str) -> None:
    said = yaml.safe_load((ROOT / f".github/ISSUE_TEMPLATE/{form}.yml").read_text())
    assert said["name"] and said["description"]
    asked = [question["id"] for question in said["body"] if question["type"] != "markdown"]
    assert asked and len(set(asked)) == len(asked)


def test_the_environment_is_installed_from_the_lock_only() -> None:
    lines = make("--dry-run", "--always-make", "check", f"PYTHON={sys.executable}").stdout
    joined = lines.replace("\\\n", " ")
    installs = [line for line in joined.splitlines() if " pip install " in line]
    from_locks = [line for line in installs if "--require-hashes" in line]
    rest = [line for line in installs if line not in from_locks]
    assert len(from_locks) == 2
    assert all("--no-deps" in line and "--no-build-isolation" in line for line in rest)


@pytest.mark.skipif(os.environ.get("CI_FULL") != "1", reason="slow; CI_FULL=1 runs it")
def test_the_bill_of_materials_is_the_lock(tmp_path: Path) -> None:
    bill, tool = tmp_path / "sbom.json", Path(sys.prefix, "bin", "cyclonedx-py")
    line = [
        str(tool),
        "environment",
        "--output-format",
        "JSON",
        "--output-file",
        str(bill),
        sys.prefix,
    ]
    subprocess.run(line, check=True, capture_output=True)
    found = json.loads(bill.read_text())
    assert found["bomFormat"] == "CycloneDX"
    parts = {
        canonicalize_name(part["name"]): Version(part["version"])
        for part in found["components"]
        if part["name"] not in (PROJECT["name"], "pip")
    }
    assert parts == pinned(f"3.{sys.version_info.minor}", "dev")


def test_ci_runs_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().endswith("exec make test")
