"""Intervals around a number with a stated coverage."""

from kinds.heads.any.coverage import add_reached as add_reached
from kinds.heads.any.coverage import decided as decided
from kinds.heads.any.coverage import decision as decision
from kinds.heads.any.coverage import reached as reached
from kinds.heads.any.coverage import threshold as threshold
from kinds.heads.numbers.coverage import answers as answers
from kinds.heads.numbers.coverage import columns as columns
from kinds.heads.numbers.coverage import penalties as penalties
from kinds.heads.numbers.coverage import script as script
from kinds.heads.numbers.coverage import sizes as sizes
from kinds.heads.numbers.coverage import strangeness as strangeness
