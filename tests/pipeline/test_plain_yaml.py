"""YAML says what is written, or is refused at its place, at a cost that is known before."""

import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kinds.settings import readable_as_yaml
from pipeline.spec.plain_yaml import MAX_DEPTH, MAX_VALUES, load

# YAML takes no control characters, and JSON escapes most of them.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(-(10**15), 10**15).filter(lambda number: "e" not in str(number)),
    TEXTS,
    st.sampled_from(
        ["yes", "null", "1e5", "1.5e+3", "0017", "2024-01-01", "12:30", "=", "<<", "*a", "%"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


@given(value=VALUES)
def test_json_is_read_as_json_reads_it(value: Any) -> None:
    """Texts that YAML has its own mind about among them."""
    text = json.dumps(value, ensure_ascii=False, indent=1)
    assert load(readable_as_yaml(text)) == json.loads(text)


@given(value=VALUES)
def test_what_yaml_writes_is_read_back(value: Any) -> None:
    assert load(yaml.safe_dump(value)) == value


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", None),
        ("~", None),
        ("NULL", None),
        ("True", True),
        ("false", False),
        ("7", 7),
        ("+7", 7),
        ("-1_000", -1000),
        ("1.", 1.0),
        (".5", 0.5),
        ("2.5E-1", 0.25),
        ("1.0e+400", float("inf")),
        ("1e3", "1e3"),
        (".", "."),
        ("-.", "-."),
        ("0", 0),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("0b1", "0b1"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("2024-99-99", "2024-99-99"),
        ("yes", "yes"),
        ("off", "off"),
        ("N", "N"),
        (".inf", ".inf"),
        ("=", "="),
        ("1" * 32, "1" * 32),
        ("'7'", "7"),
        ('"null"', "null"),
    ],
)
def test_bare_words_are_what_is_written(written: str, read: object) -> None:
    got = load(f"[{written}, x]")[0] if written else load("a: ")["a"]
    assert (got, type(got)) == (read, type(read))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: &x [1]\nc: *x", "aliases are not allowed at line 3, column 4"),
        ("a:\n  - !!int x", "tags are not allowed at line 2, column 5"),
        ("a: !!python/object/apply:os.system [ls]", "tags are not allowed at line 1, column 4"),
        ("# what\n%TAG !a! b\n--- 1", "directives are not allowed at line 2, column 1"),
        ("a: 1\n---\nb: 2", "there must be one document only at line 2, column 1"),
        ("a: {b: 1, c: 2, b: 3}", "the key 'b' is given twice at line 1, column 17"),
        ("[1]: 2", "a key must be text at line 1, column 1"),
        ("? {a: 1}\n: 2", "a key must be text at line 1, column 3"),
        (
            "a:\n b: [1\nc: 2}",
            "expected ',' or ']' at line 3, column 2, while parsing a flow sequence",
        ),
        ("a:\n\t- b", "cannot start any token at line 2, column 1"),
        ("a: \x01", "control characters are not allowed"),
        ("[" * (MAX_DEPTH + 1), f"nest at most 100 deep at line 1, column {MAX_DEPTH + 1}"),
        ("- " * (MAX_DEPTH + 1), "nest at most 100 deep at line 1"),
        ("[" + "1," * MAX_VALUES + "]", f"at most {MAX_VALUES:,} keys and values at line 1"),
    ],
)
def test_what_no_spec_needs_is_refused_at_its_place(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as refused:
        load(text)
    assert said in str(refused.value)


def test_the_limits_themselves_are_allowed() -> None:
    assert len(load("[" + "1," * (MAX_VALUES - 1) + "]")) == MAX_VALUES - 1
    assert load("[" * MAX_DEPTH + "]" * MAX_DEPTH)


@settings(max_examples=300)
@given(text=st.one_of(st.text("{}[]:,-?&*!|>%@'\"# \n\tab1", max_size=40), st.text(max_size=20)))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        load(text)
    except ValueError as refused:
        assert "\n" not in str(refused)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "1:" * 480_000 + "1",
        "a: " + "1" * 960_000,
        "a: 1e" + "9" * 960_000,
        "a: " + "1_" * 480_000,
        "[" + "&a ," * 240_000 + "]",
        "---\n" * 240_000,
        "? " * 480_000,
        "".join(f"%TAG !a{i}! b\n" for i in range(60_000)) + "---\na: 1",
    ],
    ids=lambda text: text[:8],
)
def test_a_megabyte_of_anything_is_soon_read_or_refused(text: str) -> None:
    started = time.process_time()
    try:
        load(text)
    except ValueError as refused:
        assert len(str(refused)) < 200
    assert time.process_time() - started < 0.5
