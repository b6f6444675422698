"""What speaks for a column being a text: several words in a row, as people write them."""

import numpy as np
import pyarrow.compute as pc

from kinds.columns.passages import prepared
from kinds.inputs.sequence.looks import LONGEST
from kinds.looks.column import Column
from kinds.looks.look import Look
from kinds.word_lists import word_lists
from kinds.words import PUNCTUATION, WHITE, Words


def could_be(column: Column) -> Look | None:
    """Surer than that the words are a sequence, which is right for tokens."""
    if column.is_list or column.said == "id":
        return None
    if column.said == "text":
        return _look(column, 2.1, "text, as was said: its words")
    if column.listed is not None or not column.is_running or not column.is_written:
        return None
    return _look(column, 0.75, "words that come again and again, as people write them")


def _look(column: Column, sure: float, reason: str) -> Look:
    texts = prepared(column.present, WHITE + PUNCTUATION, lower=True)
    lengths = pc.list_value_length(word_lists(Words(LONGEST), texts)).to_numpy()
    length = max(1, int(np.quantile(lengths, 0.95, method="higher"))) if len(lengths) else 1
    if length < LONGEST:
        reason = f"{reason}; 95 % have at most {length} words"
    settings = {"vocabulary": column.name, "length": length, "combine": "mean"}
    settings |= {"lower": True, "punctuation": "drop"}
    return Look(sure, reason, "", settings, of_elements=True)
