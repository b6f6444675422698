"""Files of vectors: every format gives the same rows, those wanted, and says what is wrong."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import vectors
from pipeline.failures import Exit, Failure

VALUES = ["the", "New York", "größe", "8", "."]
NUMBERS = np.array(
    [[0.1, -2e-7, 3], [1 / 3, 1e30, -0.0], [4, 5, 6], [1e-40, 0.25, 2], [7, 8, 9]], np.float32
)


def text(path: Path, first: str = "", end: str = "\n") -> bytes:
    rows = zip(VALUES, NUMBERS, strict=True)
    lines = [f"{value} {' '.join(f'{x:.9g}' for x in row)}{end}" for value, row in rows]
    return (first + "".join(lines)).encode()


def word2vec(path: Path) -> bytes:
    return binary(b"")


def word2vec_with_line_ends(path: Path) -> bytes:
    return binary(b"\n")


def binary(end: bytes) -> bytes:
    # Here a space ends a value.
    values = [value.replace(" ", "_").encode() for value in VALUES]
    rows = [
        v + b" " + struct.pack("<3f", *row) + end for v, row in zip(values, NUMBERS, strict=True)
    ]
    return b"5 3\n" + b"".join(rows)


def parquet(path: Path) -> bytes:
    table = pa.table({"n": range(5), "value": VALUES, "vector": NUMBERS.tolist()})
    pq.write_table(table, path)
    return path.read_bytes()


def array(path: Path) -> bytes:
    path.with_suffix(".txt").write_text("".join(f"{value}\n" for value in VALUES), encoding="utf-8")
    np.save(path, NUMBERS.astype(np.float64))
    return path.read_bytes()


MADE: list[tuple[str, Callable[[Path], bytes]]] = [
    ("fasttext.vec", lambda path: text(path, "5 3\n", " \n")),
    ("glove.txt", text),
    ("windows.txt", lambda path: text(path, "", "\r\n")),
    ("packed.vec.gz", lambda path: gzip.compress(text(path, "5 3\n"))),
    ("word2vec.bin", word2vec),
    ("lines.bin.gz", lambda path: gzip.compress(word2vec_with_line_ends(path))),
    ("table.parquet", parquet),
    ("array.npy", array),
]


@pytest.mark.parametrize(("name", "made"), MADE, ids=[name for name, _ in MADE])
def test_every_format_gives_the_vectors_of_the_values_wanted(
    name: str, made: Callable[[Path], bytes], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(made(path))
    town = "New_York" if ".bin" in name else "New York"
    assert vectors.width(str(path)) == 3
    places, found = vectors.read(str(path), ["8", "no", town, "größe", "The"])
    assert places.tolist() == [0, 2, 3]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, NUMBERS[[3, 1, 2]])


def test_vectors_longer_than_a_chunk_are_read(tmp_path: Path) -> None:
    path, width = tmp_path / "wide.bin", 300_000
    rows = np.random.default_rng(1).normal(size=(3, width)).astype("<f4")
    content = b"".join(b"v%d " % at + row.tobytes() for at, row in enumerate(rows))
    path.write_bytes(b"3 %d\n" % width + content)
    places, found = vectors.read(str(path), ["v2", "v0"])
    assert places.tolist() == [0, 1]
    np.testing.assert_array_equal(found, rows[[2, 0]])


def test_of_two_vectors_of_a_value_the_first_counts(tmp_path: Path) -> None:
    path = tmp_path / "twice.vec"
    path.write_text("a 1 2\na 3 4\nb 5 6\n")
    assert vectors.read(str(path), ["b", "a"])[1].tolist() == [[5, 6], [1, 2]]


def test_reading_ends_when_all_that_is_wanted_is_found(tmp_path: Path) -> None:
    path = tmp_path / "broken_below.vec"
    path.write_text("a 1 2\nb 3 4\nc\n")
    assert vectors.read(str(path), ["b"])[1].tolist() == [[3, 4]]
    with pytest.raises(Failure, match="2 numbers"):
        vectors.read(str(path), ["c"])


def test_what_changes_the_values_beside_an_array_changes_its_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    array(path)
    before = vectors.fingerprints([str(path)])
    path.with_suffix(".txt").write_text("1\n2\n3\n4\n5\n")
    assert vectors.fingerprints([str(path)]) != before


# Without the second in which it was packed: every process that collects tests finds the same ones.
PACKED = gzip.compress(b"a 1 2\nw 3 4\n", mtime=0)
WRONG: list[tuple[str, bytes, str, Exit]] = [
    ("a.csv", b"", "vectors are in .vec, .txt or .bin", Exit.USAGE),
    ("a.parquet.gz", b"", "vectors are in .vec, .txt or .bin", Exit.USAGE),
    ("a.vec", b"", "a line has a value and its numbers", Exit.INTEGRITY),
    ("a.vec", b"a 1 2\nb 3\n", "2 numbers; not the one of 'b 3'", Exit.INTEGRITY),
    ("a.vec", b"a 1 2\nw 1 x\n", "come its numbers; not '1 x'", Exit.INTEGRITY),
    ("a.vec", b"w 1 nan\n", "finite float32 numbers; not that of 'w'", Exit.INTEGRITY),
    ("a.vec", b"w 1 1e39\n", "finite float32 numbers; not that of 'w'", Exit.INTEGRITY),
    ("a.vec.gz", PACKED[:-9], "as gzip packed it", Exit.INTEGRITY),
    ("a.vec.gz", b"a 1 2\n", "as gzip packed it", Exit.INTEGRITY),
    ("a.bin", b"\xba\x16O/\x0c\0", "of a fastText model take its .vec", Exit.INTEGRITY),
    ("a.bin", b"2 1\na 1234", "must hold 2 vectors; it ends after 1", Exit.INTEGRITY),
    ("a.parquet", b"PAR1", "must be Parquet, and whole", Exit.INTEGRITY),
    ("a.npy", b"no", "as NumPy saves it", Exit.INTEGRITY),
]


@pytest.mark.parametrize(("name", "content", "rule", "code"), WRONG)
def test_what_is_wrong_is_said(
    name: str, content: bytes, rule: str, code: Exit, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    (tmp_path / "a.txt").write_text("w\n")
    with pytest.raises(Failure, match=rule) as failure:
        vectors.read(str(path), ["w", "z"])
    assert failure.value.exit_code == code


@pytest.mark.parametrize("lines", [4, 6])
def test_an_array_has_a_line_for_each_row(lines: int, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    array(path)
    path.with_suffix(".txt").write_text("x\n" * lines)
    with pytest.raises(Failure, match="must have 5 lines"):
        vectors.read(str(path), ["w"])


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"a": ["x"]}, "one column of texts and one of lists"),
        ({"a": ["x"], "b": ["y"], "v": [[1.0]]}, "one column of texts and one of lists"),
        ({"a": ["x", "w"], "v": [[1.0], [1.0, 2.0]]}, "must have 1 numbers, as the first"),
        ({"a": ["x", "w"], "v": [[1.0], None]}, "must have 1 numbers, as the first"),
        ({"a": ["x"], "v": [[]]}, "one column of texts and one of lists"),
    ],
)
def test_parquet_has_one_column_of_each(
    columns: dict[str, list[object]], rule: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(Failure, match=rule):
        vectors.read(str(path), ["w"])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"must be there. Received: .*none.vec"):
        vectors.width(str(tmp_path / "none.vec"))
