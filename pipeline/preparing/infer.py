"""A first spec from rows: kinds, heads, a split and a model, each with its reason as a comment.

It looks at a sample of all rows and counts the values of all of them; each kind of input and head
says how well a column suits it (kinds.looks). What it writes is valid and runs; whether it is what
is wanted only a person knows. No Beam, no TensorFlow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.preparing.inferring import model, roles, sample, writing
from pipeline.preparing.inferring.wishes import ON_A_TERMINAL, Questions, Wishes
from pipeline.rows.csv_dialect import AS_FOUND, Csv


@dataclass(frozen=True)
class First:
    """A first spec: its YAML text, and by the names of columns why the model does not read them, or
    perhaps should not."""

    text: str
    left_out: Mapping[str, str]
    doubts: Mapping[str, str]


def spec_for(
    paths: Sequence[str],
    csv: Csv = AS_FOUND,
    said: Wishes | None = None,
    ask: Questions = ON_A_TERMINAL,
) -> str:
    """The YAML text of `first`."""
    return first(paths, csv, said, ask).text


def first(
    paths: Sequence[str],
    csv: Csv = AS_FOUND,
    said: Wishes | None = None,
    ask: Questions = ON_A_TERMINAL,
) -> First:
    """A spec for these rows.

    `said` is what is known of them; what the rows do not say, `ask` does.
    Raises Failure 2 where no spec would fit or nobody can be asked.
    """
    seen = sample.read(paths, csv)
    found = roles.roles(seen, writing.names_of(seen.columns), said or Wishes(), ask)
    text = writing.text(found, model.model_for(found))
    return First(text, found.left_out, found.doubts)
