"""Held-out numbers that are beyond all training numbers are told of, and no others."""

import numpy as np
import pyarrow as pa

from kinds.columns import Field
from pipeline.fields import fields_of
from pipeline.preparing.beyond_train import beyond_train
from pipeline.preparing.reports import Sample
from pipeline.spec.file import parse_spec

SPEC = """
name: years
vocabularies: {word: {}}
inputs:
  year: {kind: number}
  year_each: {kind: category, vocabulary: word, column: year}
  x: {kind: number, missing: 0}
heads: {y: {kind: binary}}
split: {by: row}
"""


def found(**years: list[float]) -> list[tuple[str, str, str]]:
    """What is said of rows with these years by side, and other numbers that are alike."""
    spec = parse_spec(SPEC)
    draw, samples = np.random.default_rng(1), {}
    for side, own in years.items():
        x = np.where(draw.random(len(own)) < 0.1, np.nan, draw.normal(size=len(own)))
        table = {"year": pa.array(own, pa.float32()), "x": pa.array(x, pa.float32())}
        rows = pa.table({field.output: table[field.column] for field in numbers()})
        samples[side] = Sample(np.zeros(len(own), np.uint64), rows)
    return [(name, *said) for name, said in beyond_train(spec, fields_of(spec), samples)]


def numbers() -> list[Field]:
    fields = fields_of(parse_spec(SPEC)).inputs
    return [fields["year"][0], fields["x"][0]]


def test_years_of_the_newest_rows_are_beyond_those_of_training() -> None:
    train = [2001.0, 2002.0, 2003.0] * 40
    ((name, anomaly, said),) = found(train=train, eval=[2004.0] * 30, test=[2005.0] * 30)
    assert (name, anomaly) == ("year", "BEYOND_TRAIN")
    assert said.startswith("100.0 % of its numbers on eval are beyond") and "2001 to 2003" in said


def test_nothing_is_said_of_numbers_that_training_had_or_of_a_handful_of_rows() -> None:
    train = [2001.0, 2002.0, 2003.0] * 40
    assert not found(train=train, eval=train, test=train)
    assert not found(train=train, eval=[*train, 2004.0, 2005.0])
    assert not found(train=train, test=[2004.0] * 10)
    assert not found(train=train)
