"""Words of a text: which characters separate them, and which of the words count.

An exported file splits texts by itself, so this is what ONNX's StringSplit does, no more: white
space is the space alone. What else separates words has become a space before that
(kinds.columns.passages). kinds.word_lists has them of many texts. Standard library only.
"""

from dataclasses import dataclass
from typing import Literal

Keep = Literal["first", "last"]
MOST_IN_A_RUN = 3
# White space beside the space, and the punctuation that a keyboard has.
WHITE = "\t\n\v\f\r"
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


@dataclass(frozen=True)
class Words:
    """What is read of a text: `length` values at its begin or its end.

    A value is a word, or a run of `ngram` words. Without a `separator` any number of spaces stands
    between two words; with one, each stands between two, and what is between may be empty.
    """

    length: int
    keep: Keep = "first"
    separator: str | None = None
    ngram: int = 1

    @property
    def words(self) -> int:
        """How many words the values need.

        >>> Words(length=5, ngram=3).words
        7
        """
        return self.length + self.ngram - 1

    @property
    def joiner(self) -> str:
        """What stands between the words of a run."""
        return " " if self.separator is None else self.separator
