"""A full disk is told with the folder and the bytes, whatever the library that met it."""

from pathlib import Path

import pytest

from pipeline.failures import Exit, Failure
from pipeline.manifest import staging
from pipeline.storage.full_disk import full_disk_explained

NO_SPACE = "No space left on device"


@pytest.mark.parametrize(
    "error", [OSError(28, NO_SPACE), RuntimeError(f"Error: a/b; {NO_SPACE} [while running 'X']")]
)
def test_it_says_where_and_how_much(tmp_path: Path, error: Exception) -> None:
    output = tmp_path / "data"
    staging(output).mkdir()
    (staging(output) / "part").write_bytes(b"x" * 12_345)
    with pytest.raises(Failure) as failure, full_disk_explained(output):
        raise error
    assert failure.value.exit_code == Exit.ENVIRONMENT
    assert f"{NO_SPACE}: {output} needs more than the 12,345 bytes" in str(failure.value)


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="something else"), full_disk_explained(tmp_path):
        raise RuntimeError("something else")
