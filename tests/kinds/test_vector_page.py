"""Lists of numbers that are typed into the page: in JavaScript as in a file of rows."""

import json
import shutil
import subprocess
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kinds.columns import Field, cast
from serving.page import COLUMN_SCRIPTS, READING_SCRIPT, _kinds

NODE = shutil.which("node")
VECTOR = Field("v", "vector", separator=";", width=3)
NEEDED = Field("v", "vector", width=3, required=True)
VALUES, WEIGHTS = Field("x", "list"), Field("w", "vector", nonnegative=True, beside="x")
CUT = Field("x", "list", separator=";", weighted_by=":")
OWN = replace(CUT.weights(), name="x:vector", beside="x")
WEIGHTED = ["a:1;b c:2", "", '["a:b:1", ":2"]', "a", "a:", "a:1;b", "a:-1", "a:x", "a:1;b:2;c:3"]
TYPED = [
    "1;2;3",
    " [1, 2.5, 3e0] ",
    "",
    "1;2",
    "1;;3",
    "1;x;3",
    "[1, null, 3]",
    "1;2;nan",
    "1;2;1e39",
]
LISTS = [
    ("a b", "1 2"),
    ("a b", "1"),
    ("", ""),
    ("a", "-1"),
    ('["a"]', "[0.5]"),
    ("a b c", "1 2 3"),
]
# Standard output has what each call gave, or that it refused.
SCRIPT = """
const model = { fields: FIELDS };
function missingNumber(field) {
  if (field.required) throw new Error("must be given");
  return ["float32", [NaN], [1]];
}
const said = ROWS.map((row) => {
  try {
    return columnKinds.vector.tensor(FIELDS.at(-1), row[FIELDS.at(-1).column], row)[1].map(String);
  } catch (error) {
    return "refused";
  }
});
console.log(JSON.stringify(said));
"""


def in_the_page(
    fields: list[Field], rows: list[dict[str, str]], length: int, called: str = SCRIPT
) -> list[Any]:
    described = [asdict(field) | {"length": length} for field in fields]
    script = READING_SCRIPT + _kinds("columnKinds", COLUMN_SCRIPTS)
    script += called.replace("FIELDS", json.dumps(described)).replace("ROWS", json.dumps(rows))
    assert NODE is not None
    done = subprocess.run([NODE, "-e", script], capture_output=True, text=True, check=True)
    said: list[Any] = json.loads(done.stdout)
    return said


def in_a_file(fields: list[Field], rows: list[dict[str, str]], length: int) -> list[Any]:
    raw = pa.RecordBatch.from_pylist(rows)
    typed, good, _ = cast(raw, fields)
    fed = fields[-1].column_type.fed(typed.column(fields[-1].output), length)
    found = dict(zip(good.tolist(), fed.tolist(), strict=True))
    return [found.get(at, "refused") for at in range(len(rows))]


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
@pytest.mark.parametrize(
    ("fields", "rows", "length"),
    [
        ([VECTOR], [{"v": text} for text in TYPED], 3),
        ([NEEDED], [{"v": text} for text in ("1 2 3", "", " ")], 3),
        ([VALUES, WEIGHTS], [{"x": one, "w": other} for one, other in LISTS], 2),
        ([CUT, OWN], [{"x": text} for text in WEIGHTED], 2),
    ],
)
def test_what_is_typed_into_the_page_is_what_a_file_of_rows_has(
    fields: list[Field], rows: list[dict[str, str]], length: int
) -> None:
    expected, said = in_a_file(fields, rows, length), in_the_page(fields, rows, length)
    assert [one == "refused" for one in said] == [one == "refused" for one in expected]
    for one, other in zip(said, expected, strict=True):
        if one != "refused":
            np.testing.assert_array_equal(np.array(one, np.float32), np.array(other, np.float32))


@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
def test_the_page_cuts_weights_from_values_as_a_file_of_rows_has_them() -> None:
    rows = [{"x": text} for text in ("a:1;b c:2", '["a:b:1", ":2"]', "", "a:1;b:2;c:3")]
    script = SCRIPT.replace("columnKinds.vector", "columnKinds.list")
    assert in_the_page([CUT], rows, 2, script) == in_a_file([CUT], rows, 2)
