"""The settings of a text."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from kinds.inputs.several.spec import SeveralPart
from kinds.settings import Count, Separator
from kinds.words import MOST_IN_A_RUN, PUNCTUATION, WHITE, Keep, Words


class Text(SeveralPart):
    """The words of a text, or runs of two or three words, as values of a vocabulary. The vectors of
    the values become one, as those of a sequence do.

    White space separates words: spaces, tabs and ends of lines, but no other character of Unicode.
    Chinese, which has no spaces between words, must be split before. For words and pairs of words
    take two inputs over the same column, each with a vocabulary of its own, such as
    `title: {kind: text, vocabulary: word, length: 12, combine: mean}` and
    `pairs: {kind: text, column: title, vocabulary: pair, ngram: 2, length: 12, combine: mean}`.

    The exported file takes the whole text and splits it at spaces alone. So before that the scorer
    and the page put a space in place of each tab, each end of line and, with `punctuation: drop`,
    each punctuation mark, and they apply `lower`. If you run the file without them, do the same:
    its metadata has `spaces` and `lower` for the column, and the model's card shows them. Such a
    file has opset 20, so `--profile bigquery` refuses it.
    """

    PREPARED: ClassVar = SeveralPart.PREPARED | {"keep", "lower", "punctuation", "ngram"}
    READS_WORDS: ClassVar = True

    kind: Literal["text"] = "text"
    length: Count
    """The number of values that count; the vectors of shorter texts are padded on the left."""
    separator: Separator | None = None
    """What separates the words, instead of white space."""
    keep: Keep = "first"
    """Which values count where a text has more than `length`."""
    lower: bool = False
    """Whether A to Z become a to z. Other letters stay as they are, since runtimes do not agree on
    them."""
    punctuation: Literal["keep", "drop"] = "keep"
    """With `drop` the punctuation marks of ASCII separate words as white space does."""
    ngram: int = Field(default=1, ge=1, le=MOST_IN_A_RUN)
    """How many words in a row make a value: 1 for words, 2 for pairs, 3 for threes."""

    @model_validator(mode="after")
    def _one_way_to_split(self) -> Self:
        if self.separator is not None and self.punctuation == "drop":
            raise ValueError("`punctuation: drop` goes with white space, so leave out `separator`")
        return self

    def spaces(self) -> str:
        """The characters that become a space before the file sees the text."""
        if self.separator is not None:
            return ""
        return WHITE + (PUNCTUATION if self.punctuation == "drop" else "")

    def words(self) -> Words:
        return Words(self.length, self.keep, self.separator, self.ngram)
