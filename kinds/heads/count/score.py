"""A count in a file that is scored."""

from kinds.heads.numbers.score import columns as columns
from kinds.heads.numbers.score import difference as difference
from kinds.heads.numbers.score import has_several as has_several
from kinds.heads.numbers.score import in_log_odds as in_log_odds
from kinds.heads.numbers.score import leaning as leaning
from kinds.heads.numbers.score import middle as middle
from kinds.heads.numbers.score import ranks as ranks
from kinds.heads.numbers.score import score_alone as score_alone
from kinds.heads.numbers.score import tensors as tensors
