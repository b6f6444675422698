"""One field for each use of a column, and a name of its own for each type it is needed in."""

from kinds.columns import Field
from pipeline.fields import fields_of
from pipeline.spec.file import parse_spec

SPEC = parse_spec("""
name: uses
keys: [age, user]
weight: trust
vocabularies: {words: {}}
inputs:
  word: {kind: category, vocabulary: words, column: user}
  past: {kind: sequence, vocabulary: words, length: 2, separator: "|"}
  age: {kind: number, missing: reject}
  old: {kind: number, column: age}
heads:
  "n": {kind: count}
  tags: {kind: multilabel, vocabulary: words, separator: ","}
  sure: {kind: binary}
split: {by: column, column: age, eval: ["1"]}
""")


def test_each_use_has_the_type_it_needs() -> None:
    fields = fields_of(SPEC)
    age = Field("age", "number", required=True)
    age_as_text = Field("age", "text", name="age:text")
    assert fields.inputs == {
        "word": (Field("user", "text"),),
        "past": (Field("past", "list", separator="|"),),
        "age": (age,),
        "old": (Field("age", "number", name="age:number"),),
    }
    assert fields.heads == {
        "n": Field("n", "number", nonnegative=True),
        "tags": Field("tags", "list", separator=","),
        "sure": Field("sure", "flag"),
    }
    assert fields.keys == {"age": age_as_text, "user": Field("user", "text")}
    assert fields.split == {"age": age_as_text}
    assert fields.weight == Field("trust", "number", required=True, nonnegative=True)


def test_no_column_is_read_twice_and_no_name_is_given_twice() -> None:
    fields = fields_of(SPEC)
    assert fields.columns() == ["user", "past", "age", "n", "tags", "sure", "trust"]
    outputs = [field.output for field in fields.all()]
    assert len(outputs) == len(set(outputs)) == 9
    assert "trust" not in [field.output for field in fields.sampled()]


def test_a_split_by_time_reads_as_the_input_that_is_a_date_wherever_it_stands() -> None:
    spec = parse_spec("""
name: dated
vocabularies: {word: {}}
inputs:
  at: {kind: date, format: milliseconds}
  word: {kind: category, vocabulary: word}
heads: {y: {kind: binary}}
split: {by: time, column: at}
""")
    fields = fields_of(spec)
    assert fields.split["at"] is fields.inputs["at"][0]
