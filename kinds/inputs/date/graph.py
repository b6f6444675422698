"""A date in the transform graph."""

from typing import Any

import tensorflow as tf

from kinds.datetimes import DAYS_BEFORE, HIGHEST, LOWEST, calendar
from kinds.graph import column
from kinds.inputs.date.spec import FIRST_YEAR, SIZES, Date, feature_of
from kinds.inputs.number import graph as numbers
from kinds.prepare import Known


def features(name: str, part: Date, raw: Any, look_up: Any, known: Known) -> dict[str, Any]:
    missing = tf.logical_or(raw < LOWEST, raw > HIGHEST)
    found = calendar(tf.where(missing, _whole(LOWEST), raw) - LOWEST)
    made: dict[str, Any] = {}
    for piece in part.calendar():
        ids = tf.where(missing, _whole(SIZES[piece]), _ids(piece, found[piece]))
        made[feature_of(name, piece)] = column(ids)
    if "days" in part.ways:
        number = tf.cast(found["days"] - DAYS_BEFORE, tf.float32)
        number = tf.where(missing, float("nan"), number)
        made |= numbers.features(feature_of(name, "days"), part.days(), number, None, known)
    return made


def _ids(piece: str, found: Any) -> Any:
    if piece != "year":
        return found
    last = _whole(SIZES["year"] - 1)
    return tf.clip_by_value(found - (FIRST_YEAR - 1), _whole(0), last)


def _whole(number: int) -> Any:
    return tf.constant(number, tf.int64)
