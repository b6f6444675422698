"""Sets of labels that each have a probability: none has a stated coverage."""

from kinds.heads.any.coverage import answers as answers
from kinds.heads.any.coverage import columns as columns
from kinds.heads.any.coverage import decided as decided
from kinds.heads.any.coverage import decision as decision
from kinds.heads.any.coverage import penalties as penalties
from kinds.heads.any.coverage import reached as reached
from kinds.heads.any.coverage import sizes as sizes
from kinds.heads.any.coverage import strangeness as strangeness
from kinds.heads.any.coverage import threshold as threshold
