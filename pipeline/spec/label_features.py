"""Columns of labels themselves, in a file of their own: of a film its genres, the words of its
title."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kinds.settings import Column, Count, FilePath, Name, Part, Separator


class LabelColumn(Part):
    """A column of the file of labels. Each of its values that occurs often enough has a vector, and
    a label is given the mean of those that it has."""

    column: Column | None = None
    """The column; by default the name that it has here."""
    read: Literal["value", "list", "words"] = "value"
    """What a cell is: one value, a list of values, or a text whose words are values, without
    punctuation and in small letters."""
    separator: Separator | None = None
    """What separates the values of a list where the column holds text; by default a space."""
    length: Count = 20
    """How many values of a cell count, the first ones."""
    size: Count = 10_000
    """The maximum number of values, those of most labels first."""
    min_count: Count = 2
    """How many labels with training rows must have a value, for it to count."""

    @model_validator(mode="after")
    def _separator_of_a_list(self) -> Self:
        if self.separator is not None and self.read != "list":
            raise ValueError("`separator` goes with `read: list` only")
        return self


class LabelFeatures(Part):
    """A file with a row for each label of a vocabulary, such as a film with its genres and its
    title. Heads over the vocabulary with `label_vectors: both` or `features` learn from the values
    of these columns: labels with few rows share what others with the same values have learned, and
    labels without training rows are predicted from the first day.

    All labels of the file have ids, in its order and before those that only rows have. To the
    exported file a label's vector is a constant, whatever it is made of. For example
    `film: {file: films.csv, columns: {genres: {read: list}, title: {read: words}, maker: {}}}`.
    """

    file: FilePath
    """The file: CSV, JSONL or Parquet, here or at gs:// or s3://."""
    column: Column | None = None
    """Its column with the labels; by default the name of the vocabulary."""
    columns: Annotated[dict[Name, LabelColumn], Field(min_length=1)]
    """What is read of each label, under names of your choice."""
