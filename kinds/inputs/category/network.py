"""A category in the network: its embedding as it is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import keras

from kinds.parsing import ONE_ID, Feature

if TYPE_CHECKING:
    from kinds.inputs.category.spec import Category


def features(name: str, part: "Category", entries: Mapping[str, int]) -> dict[str, Feature]:
    return {name: ONE_ID}


def vector(
    name: str,
    part: "Category",
    inputs: Mapping[str, keras.KerasTensor],
    looked_up: keras.KerasTensor,
    entries: Mapping[str, int],
) -> keras.KerasTensor:
    return looked_up


def is_side_by_side(part: "Category") -> bool:
    return True
