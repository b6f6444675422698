"""A text in the transform graph: what kinds.word_lists does, of tensors."""

from typing import Any

import tensorflow as tf

from kinds.columns.columns import MISSING
from kinds.graph import LookUp
from kinds.inputs.ids.graph import ids_of
from kinds.inputs.several.graph import last
from kinds.inputs.text.spec import Text
from kinds.prepare import Known
from kinds.words import Words


def features(name: str, part: Text, raw: Any, look_up: LookUp, known: Known) -> dict[str, Any]:
    texts = lists(part.words(), tf.where(raw == MISSING, b"", raw))
    return {name: texts.with_flat_values(ids_of(texts.flat_values, look_up, known))}


def lists(words: Words, texts: Any) -> Any:
    """[batch] texts to [batch, (values)]."""
    split = _split(texts, words.separator)
    kept = last(split, words.words) if words.keep == "last" else split[:, : words.words]
    return tf.strings.ngrams(kept, words.ngram, separator=words.joiner) if words.ngram > 1 else kept


def _split(texts: Any, separator: str | None) -> Any:
    if separator is None:
        split = tf.strings.split(texts, " ")
        return tf.ragged.boolean_mask(split, split != b"")
    split = tf.strings.split(texts, separator)
    is_there = tf.repeat(texts != b"", split.row_lengths())
    return tf.ragged.boolean_mask(split, split.with_flat_values(is_there))
