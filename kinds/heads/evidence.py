"""What a file says of one answer of each row, from which explanations take how sure it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# How near to 0 or 1 a probability of float32 is taken for what it says.
LEAST = 2.0**-24


@dataclass(frozen=True)
class Evidence:
    """own: the answer's logit; of a head without labels what the network gives, [rows] or [rows, n]
    others: the logarithm of the sum of exp(logit) over all other labels
    share: the network's part in the mixture with memories, 1 without any
    mass: what memories give the answer
    other_mass: what they give all other labels

    All float64, [rows] if nothing else is said.
    """

    own: Array
    others: Array
    share: Array
    mass: Array
    other_mass: Array


def log_odds(probabilities: Array) -> Array:
    """
    >>> log_odds(np.array([0.5, 0.75])).round(4).tolist()
    [0.0, 1.0986]
    """
    near = np.clip(probabilities, 0.0, 1 - LEAST)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(near) - np.log1p(-near))


def among_all(said: Evidence) -> Array:
    """Log odds of a label whose probability is its share among those of all labels."""
    largest = np.maximum(said.own, said.others)
    yes, no = np.exp(said.own - largest), np.exp(said.others - largest)
    network = said.share / (yes + no)
    return _odds(network * yes + said.mass, network * no + said.other_mass)


def by_itself(said: Evidence) -> Array:
    """Log odds of a label that is a yes or no of its own."""
    lost = np.logaddexp(0.0, said.own)
    yes, no = np.exp(said.own - lost), np.exp(-lost)
    not_given = np.maximum(1 - said.share - said.mass, 0.0)
    return _odds(said.share * yes + said.mass, said.share * no + not_given)


def _odds(yes: Array, no: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(yes) - np.log(no))
