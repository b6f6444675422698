"""What `pip install` and the locks promise."""

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
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
VERSIONS = ("3.11", "3.12", "3.13")
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


def test_setup_py_packs_every_module_of_the_stages(tmp_path: Path) -> None:
    """Beam builds this very archive for its workers (--setup_file)."""
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    for package in ("pipeline", "trainer", "serving", "tests"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("node_modules")
        )
    command = [sys.executable, "setup.py", "--quiet", "sdist", "--dist-dir", "dist"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (archive,) = (tmp_path / "dist").iterdir()
    with tarfile.open(archive) as files:
        packed = {name.partition("/")[2] for name in files.getnames()}
    stages = [p for name in ("pipeline", "trainer", "serving") for p in (ROOT / name).rglob("*.py")]
    stages += (ROOT / "serving" / "templates").iterdir()
    stages += (ROOT / "serving" / "web").glob("[!.]*.*")
    assert {str(path.relative_to(ROOT)) for path in stages} <= packed


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


def test_make_test_runs_the_checks_and_then_the_tests() -> None:
    lines = make("--dry-run", "test", f"PYTHON={sys.executable}").stdout.splitlines()
    ends = [line.partition(" -m ")[2] for line in lines if line.startswith(".venv/bin/python -m")]
    checks = [end for end in ends if not end.startswith("pip ")]
    assert checks == ["ruff format --check .", "ruff check .", "mypy", "pytest --numprocesses 2"]


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
