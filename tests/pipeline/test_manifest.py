"""A folder is either published whole or not there; what differs from its manifest is refused."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.failures import Exit, Failure
from pipeline.manifest import (
    MANIFEST,
    Manifest,
    fresh_staging,
    is_done,
    lock,
    publish,
    read_manifest,
    staging,
    verify,
)


def make(folder: Path, text: str = "one\n", made_from: str = "inputs") -> None:
    work = fresh_staging(folder)
    (work / "part").mkdir()
    (work / "part" / "a.txt").write_text(text)
    (work / "b.txt").write_text("two\n")
    publish(folder, stage="data", made_from=made_from, facts={"rows": 2})


def exit_code_of(folder: Path) -> Exit:
    with pytest.raises(Failure) as caught:
        verify(folder, stage="data")
    return caught.value.exit_code


def test_a_published_folder_lists_its_files_and_facts(tmp_path: Path) -> None:
    make(tmp_path / "data")
    manifest = verify(tmp_path / "data", stage="data")
    assert set(manifest.files) == {"part/a.txt", "b.txt"}
    assert manifest.files["part/a.txt"][0] == 4
    assert manifest.facts["rows"] == 2
    assert not staging(tmp_path / "data").exists()


def test_the_manifest_says_what_the_process_cost(tmp_path: Path) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    held = 1024 * resident()
    make(tmp_path / "data")
    cost = read_manifest(tmp_path / "data", stage="data").facts["cost"]
    assert 0 < cost["seconds"] <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert cost["cpu_seconds"] >= round(used.ru_utime, 3)
    assert cost["peak_bytes"] >= held


def resident() -> int:
    """KiB that this process has."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


LITTLE = """
import sys
from pathlib import Path
from pipeline import manifest
folder = Path(sys.argv[1])
manifest.fresh_staging(folder)
made = manifest.publish(folder, stage="data", made_from="inputs", facts={})
print(made.facts["cost"]["peak_bytes"])
"""


def test_the_peak_is_that_of_the_process_and_not_of_what_started_it(tmp_path: Path) -> None:
    much = bytearray(300 << 20)
    much[:: 1 << 12] = b"1" * (300 << 8)
    command = [sys.executable, "-c", LITTLE, str(tmp_path / "data")]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert 0 < int(said) < 200 << 20 < 1024 * resident()
    assert much[0]


def test_the_same_result_has_the_same_identity_whatever_it_cost() -> None:
    files = {"a": (1, "0" * 64)}
    one = Manifest("data", "inputs", files, {"cost": {"seconds": 1.0}})
    assert one.identity() == Manifest("data", "inputs", files).identity()
    assert one.identity() != Manifest("data", "others", files).identity()
    assert one.identity() != Manifest("data", "inputs", {"a": (1, "1" * 64)}).identity()


def test_an_unfinished_stage_leaves_no_folder_that_reads_as_done(tmp_path: Path) -> None:
    (fresh_staging(tmp_path / "data") / "b.txt").write_text("half")
    assert exit_code_of(tmp_path / "data") == Exit.USAGE


@pytest.mark.parametrize("name", ["part/a.txt", "b.txt"])
@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, damage: str) -> None:
    make(tmp_path / "data")
    path = tmp_path / "data" / name
    content = path.read_bytes()
    if damage == "delete":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if damage == "cut" else bytes([content[0] ^ 1]) + content[1:])
    assert exit_code_of(tmp_path / "data") == Exit.INTEGRITY


def test_two_files_that_changed_places_are_refused(tmp_path: Path) -> None:
    make(tmp_path / "data")
    a, b = tmp_path / "data" / "part" / "a.txt", tmp_path / "data" / "b.txt"
    first, second = a.read_text(), b.read_text()
    a.write_text(second)
    b.write_text(first)
    assert exit_code_of(tmp_path / "data") == Exit.INTEGRITY


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "{}", '{"files": 1}', '{"files": {"a": {}}}'),
        *("[" * 1_000_000, '{"a":' * 1_000_000, "9" * 5_000),
        '{"stage": "data", "made_from": "", "files": {"a": {"bytes": 1e999, "sha256": ""}}}',
    ],
    ids=lambda text: text[:40],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, text: str) -> None:
    make(tmp_path / "data")
    (tmp_path / "data" / MANIFEST).write_text(text)
    assert exit_code_of(tmp_path / "data") == Exit.INTEGRITY


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/passwd", "", "a\0b", "\ud83d"])
def test_a_manifest_never_reaches_outside_its_folder(tmp_path: Path, name: str) -> None:
    make(tmp_path / "data")
    (tmp_path / "outside.txt").write_text("two\n")
    path = tmp_path / "data" / MANIFEST
    content = json.loads(path.read_text())
    content["files"][name] = content["files"].pop("b.txt")
    path.write_text(json.dumps(content))
    assert exit_code_of(tmp_path / "data") == Exit.INTEGRITY


def test_the_folder_of_another_stage_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "data")
    with pytest.raises(Failure, match=r"of trainer\.task\. Received: .*data, of pipeline\.prepare"):
        read_manifest(tmp_path / "data", stage="run")


def test_a_new_result_takes_the_place_of_the_old_one_whole(tmp_path: Path) -> None:
    make(tmp_path / "data", text="one\n")
    make(tmp_path / "data", text="three\n")
    assert (tmp_path / "data" / "part" / "a.txt").read_text() == "three\n"
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_a_stage_is_done_only_for_the_same_inputs(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert not is_done(folder, stage="data", made_from="inputs", force=False)
    make(folder)
    assert is_done(folder, stage="data", made_from="inputs", force=False)
    assert not is_done(folder, stage="data", made_from="inputs", force=True)
    with pytest.raises(Failure, match="--force") as caught:
        is_done(folder, stage="data", made_from="other inputs", force=False)
    assert caught.value.exit_code == Exit.OCCUPIED


def test_a_second_writer_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from pipeline.manifest import lock\n"
        f"with lock(Path({str(tmp_path / 'data')!r})):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        told = pytest.raises(Failure, match=f"process {holder.pid} on .* since .* holds it")
        with told as caught, lock(tmp_path / "data"):
            pass
        assert caught.value.exit_code == Exit.OCCUPIED
        holder.communicate("")
    with lock(tmp_path / "data"):
        assert (tmp_path / ".data.lock").exists()
