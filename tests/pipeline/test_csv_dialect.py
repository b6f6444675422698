"""How a CSV file is written is told by its rows, and where it is not clear, by whoever knows."""

import argparse
import gzip
from pathlib import Path
from typing import Any

import pytest

from pipeline import rows
from pipeline.failures import Exit, Failure
from pipeline.rows.csv_dialect import AS_FOUND, Csv, add_csv, csv_of


def _read(path: Path, text: str, how: Csv = AS_FOUND) -> tuple[list[str], list[Any]]:
    packed = path.suffix == ".gz"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    names = rows.column_names(str(path), how)
    found = []
    for batch in rows.read(str(path), names, csv=how):
        assert batch.broken == []
        found += [tuple(row.values()) for row in batch.rows.to_pylist()]
    return names, found


@pytest.mark.parametrize(
    ("name", "text", "names", "first"),
    [
        ("a.tsv", "name\tTags (a, b, c)\nfoo\tx\n", ["name", "Tags (a, b, c)"], ("foo", "x")),
        ("a.tsv.gz", "name\ta,b,c\nfoo\tx,y,z\n", ["name", "a,b,c"], ("foo", "x,y,z")),
        (
            "a.csv",
            "sku;Weight, kg;Size (w, h, d);label\n1;2;3;u\n",
            ["sku", "Weight, kg", "Size (w, h, d)", "label"],
            ("1", "2", "3", "u"),
        ),
        (
            "a.csv",
            "name;Gewicht, netto;Laenge, netto\nn;1,5;0,5\nm;2,5;1,5\n",
            ["name", "Gewicht, netto", "Laenge, netto"],
            ("n", "1,5", "0,5"),
        ),
        ("a.csv", "Weight, kg\n3\n4\n", ["Weight, kg"], ("3",)),
        ("a.csv", "text\nhello, world\ngood, bye\n", ["text"], ("hello, world",)),
        ("a.csv", "id,tags\n1,a|b\n2,c|d\n", ["id", "tags"], ("1", "a|b")),
        ("a.csv", "a, b\n1, 2\n", ["a", " b"], ("1", " 2")),
        ("a.csv", "sep=;\na;b,c\n1;2\n", ["a", "b,c"], ("1", "2")),
        ("a.csv", '"sep=\t"\r\na\tb\r\n1\t2\r\n', ["a", "b"], ("1", "2")),
        ("a.csv", "\ufeff# made by tool 3.1\n#\na,b\n1,2\n", ["a", "b"], ("1", "2")),
        ("a.csv.gz", "##format=4\n#chrom\tpos\nX\t2\n", ["#chrom", "pos"], ("X", "2")),
        ("a.csv", "#id,name\n1,x\n", ["#id", "name"], ("1", "x")),
    ],
)
def test_the_delimiter_and_the_header_are_found(
    name: str, text: str, names: list[str], first: tuple[str, ...], tmp_path: Path
) -> None:
    found, cells = _read(tmp_path / name, text)
    assert (found, cells[0]) == (names, first)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,y,label\n1,2,3,yes\n2,3,4,no\n", "R's row names"),
        ("a,b\n1,2,\n3,4,\n", "a last delimiter"),
        ("# a,b\n1,2\n3,4\n", "begins with # and may be the header"),
        ("a;b,c\n1;2,3\n4;5,6\n", r"--delimiter says in which\. Received: \[',', ';'\]"),
    ],
)
def test_what_is_not_clear_is_refused_by_name(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match=said) as failure:
        _read(tmp_path / "a.csv", text)
    assert failure.value.exit_code == Exit.USAGE


def test_what_a_person_says_goes_first(tmp_path: Path) -> None:
    text = "a;b,c\n1;2,3\n4;5,6\n"
    path = tmp_path / "a.csv"
    assert _read(path, text, Csv(";")) == (["a", "b,c"], [("1", "2,3"), ("4", "5,6")])
    assert _read(path, text, Csv(",")) == (["a;b", "c"], [("1;2", "3"), ("4;5", "6")])


@pytest.mark.parametrize(
    ("text", "letter"), [("tab", "\t"), ("\\t", "\t"), (";", ";"), ("space", " "), ("^", "^")]
)
def test_a_delimiter_is_a_letter_or_its_name(text: str, letter: str) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_csv(parser)
    said = csv_of(parser.parse_args(["--delimiter", text]))
    assert said == Csv(letter)
    assert csv_of(parser.parse_args([*said.arguments(), "--csv-escape"])) == Csv(letter, True)
    for bad in ('"', ";;", "\\", "é", ""):
        with pytest.raises(argparse.ArgumentError, match="one character"):
            parser.parse_args(["--delimiter", bad])


def test_bad_rows_do_not_change_what_the_others_say(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a;b, c;d\n" + "1;2,5;3\n" * 20 + "1,2,3\n" + "1;2;3;4\n")
    assert rows.column_names(str(path)) == ["a", "b, c", "d"]


def test_a_header_as_windows_writes_it_is_refused_with_what_helps(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("Größe;Ort\n1;x\n".encode("cp1252"))
    with pytest.raises(Failure, match=r"iconv -f WINDOWS-1252 .* 'Größe'") as failure:
        rows.column_names(str(path), AS_FOUND)
    assert failure.value.exit_code == Exit.USAGE
