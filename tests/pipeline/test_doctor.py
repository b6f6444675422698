"""The doctor sees what would stop a stage, and says what to do."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.doctor import TESTED, Finding, disk, keras_switch, python, report, threads, versions
from pipeline.processor import processor

ROOT = Path(__file__).parents[2]


def test_the_tested_versions_are_those_of_the_lock() -> None:
    lines = (ROOT / "requirements" / "tested.txt").read_text().splitlines()
    assert dict(line.split("==") for line in lines if not line.startswith("#")) == TESTED


def test_a_fit_machine_is_found_fit_and_a_switch_is_seen(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "pipeline.doctor", "--output", str(tmp_path / "not-yet")]
    environment = {n: v for n, v in os.environ.items() if n != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAULT" not in done.stdout
    for about in (*TESTED, "Keras 2 switch", "opset and IR", "Beam engine", "threads", "disk"):
        assert f" {about} " in done.stdout, about
    assert f"{tmp_path}" in done.stdout
    assert "files have at most 20 and 10" in done.stdout
    assert re.search(r"training multiplies +(float32|bfloat16) products", done.stdout)
    assert re.search(r"scoring multiplies +(float32|int8) products", done.stdout)
    assert processor() in done.stdout
    environment["TF_USE_LEGACY_KERAS"] = "1"
    done = subprocess.run(line, env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 6
    assert "-> unset TF_USE_LEGACY_KERAS" in done.stdout


@pytest.mark.parametrize("value", [None, "", "0"])
def test_the_keras_2_switch_is_off_without_a_value(value: str | None) -> None:
    environment = {} if value is None else {"TF_USE_LEGACY_KERAS": value}
    assert keras_switch(environment).advice is None


def test_another_version_is_a_note_and_a_missing_package_a_fault() -> None:
    other, missing = versions({"numpy": "1.0", "no-such-package-anywhere": "2.0"})
    assert "1.0" in str(other.advice) and not other.fatal
    assert missing.fatal and "no-such-package-anywhere==2.0" in str(missing.advice)


def test_a_python_that_was_not_tried_is_a_fault() -> None:
    assert not python((3, 11)).fatal
    assert python((3, 10)).fatal and python((3, 14)).fatal


def test_limits_on_threads_and_a_full_disk_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "OMP_NUM_THREADS=1" in threads({"OMP_NUM_THREADS": "1"}).found
    assert threads({"OMP_NUM_THREADS": "1"}).advice
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    assert disk(tmp_path / "a" / "b").found == f"1.0 GB free in {tmp_path}"
    assert disk(tmp_path).advice


def test_advice_stands_under_what_it_is_about() -> None:
    findings = [Finding("a", "1"), Finding("b", "2", "do"), Finding("c", "3", "mend", fatal=True)]
    lines = [line.split() for line in report(findings).splitlines()]
    assert lines == [
        ["ok", "a", "1"],
        ["note", "b", "2"],
        ["->", "do"],
        ["FAULT", "c", "3"],
        ["->", "mend"],
    ]
