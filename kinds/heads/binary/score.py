"""A binary head in a file that is scored: the probability of yes."""

from typing import TYPE_CHECKING

import pyarrow as pa

from kinds.differences import Array
from kinds.heads.evidence import Evidence, log_odds
from kinds.heads.labels.score import in_log_odds as in_log_odds
from kinds.heads.numbers.score import difference as difference
from kinds.heads.numbers.score import has_several as has_several
from kinds.heads.numbers.score import middle as middle
from kinds.heads.numbers.score import ranks as ranks
from kinds.heads.numbers.score import score_alone as score_alone
from kinds.heads.numbers.score import tensors as tensors

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


def columns(head: "FileHead", labels_only: bool) -> dict[str, pa.DataType]:
    return {f"{head.name}.score": pa.float32()}


def leaning(head: "FileHead", said: Evidence) -> Array:
    """To yes, whatever is more probable."""
    return log_odds(said.own)
