"""Texts that say yes or no."""

import pyarrow as pa
import pyarrow.compute as pc

FLAGS = (
    *(("0", "1"), ("0.0", "1.0"), ("f", "t"), ("n", "y")),
    *(("false", "true"), ("no", "yes")),
)


def are_flags(values: pa.Array) -> bool:
    """Whether distinct values are such a pair, in whatever case."""
    found = frozenset(pc.utf8_lower(pc.utf8_trim_whitespace(values)).to_pylist())
    return any(found == {*pair} for pair in FLAGS)
