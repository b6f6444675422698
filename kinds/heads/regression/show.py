"""A regression, shown in the target's own unit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.heads.numbers.show import answer as answer
from kinds.heads.numbers.show import figures as figures
from kinds.heads.numbers.show import guesses as guesses
from kinds.heads.numbers.show import mistakes_title as mistakes_title
from kinds.heads.numbers.show import script as script
from kinds.heads.numbers.show import task as task
from kinds.heads.regression.looks import could_be as could_be

if TYPE_CHECKING:
    from kinds.heads.regression.spec import Regression


def made_up(
    head: "Regression", texts: Sequence[str], signal: np.ndarray, random: np.random.Generator
) -> pa.Array:
    noise = random.standard_normal(len(signal))
    return pa.array(
        np.exp(2 + signal + 0.1 * noise) if head.scale == "log" else 50 + 10 * signal + noise
    )
