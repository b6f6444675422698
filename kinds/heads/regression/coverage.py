"""Intervals around a number with a stated coverage."""

from kinds.heads.numbers.coverage import answers as answers
from kinds.heads.numbers.coverage import columns as columns
from kinds.heads.numbers.coverage import penalties as penalties
from kinds.heads.numbers.coverage import sizes as sizes
from kinds.heads.numbers.coverage import strangeness as strangeness
