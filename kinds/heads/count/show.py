"""A count, shown as the mean that is expected."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.heads.count.looks import could_be as could_be
from kinds.heads.numbers.show import answer as answer
from kinds.heads.numbers.show import figures as figures
from kinds.heads.numbers.show import guesses as guesses
from kinds.heads.numbers.show import mistakes_title as mistakes_title
from kinds.heads.numbers.show import script as script
from kinds.heads.numbers.show import task as task

if TYPE_CHECKING:
    from kinds.heads.count.spec import Counts


def made_up(
    head: "Counts", texts: Sequence[str], signal: np.ndarray, random: np.random.Generator
) -> pa.Array:
    return pa.array(random.poisson(np.exp(1 + 0.5 * signal)))
