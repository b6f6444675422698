"""Rows at gs:// and s3:// score as the same rows of this machine do."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.ipc
import pyarrow.parquet
import pytest
from object_stores import named, served
from small_run import exported, small_rows

from pipeline.storage import stores
from serving import score


@pytest.fixture(scope="module", params=["gs", "s3"])
def bucket(request: pytest.FixtureRequest) -> Iterator[str]:
    with served(request.param) as port, named(request.param, port) as bucket:
        yield bucket


@pytest.mark.parametrize("name", ["in.parquet", "in.arrow", "in[1].jsonl"])
def test_rows_of_a_store_are_scored(name: str, bucket: str, tmp_path: Path) -> None:
    table, path = small_rows(30), tmp_path / name
    if name.endswith("parquet"):
        pyarrow.parquet.write_table(table, path)
    elif name.endswith("arrow"):
        with pyarrow.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table)
    else:
        path.write_text('{"key": "a", "place": 1}\n' * 30)
    stores.write(f"{bucket}/{name}", path.read_bytes())
    model = ["--model", str(exported() / "model" / "model.onnx")]
    scored = []
    for at, source in enumerate((f"{bucket}/{name}", str(path))):
        output = tmp_path / f"{at}.jsonl"
        score.run([*model, "--input", source, "--output", str(output)])
        scored.append(output.read_bytes())
    assert scored[0] == scored[1] != b""
