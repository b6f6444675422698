"""The types of values in a spec, and the base class of its parts."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

MOST = 2**31 - 1
"""What a graph can count to: sizes and places in it are int32."""


def _countable(count: int) -> int:
    if count > MOST:
        raise ValueError(f"must be at most {MOST:,}")
    return count


def _single(number: float) -> float:
    if abs(number) > LARGEST:
        raise ValueError(f"must be a float32, so at most {LARGEST:.2g} on either side of 0")
    return number


LARGEST = 3.4e38
"""A number beyond it is infinite to the network, which reckons in float32."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]
Column = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=256)]
FilePath = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Separator = Annotated[str, StringConstraints(min_length=1, max_length=8)]
Count = Annotated[int, Field(ge=1), AfterValidator(_countable)]
Whole = Annotated[int, Field(ge=0), AfterValidator(_countable)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Share = Annotated[float, Field(ge=0, lt=1)]
Single = Annotated[float, AfterValidator(_single)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), AfterValidator(_single)]


# YAML takes some of these for ends of lines, and none of the others.
_UNREADABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufffe\uffff]")


def readable_as_yaml(json_text: str) -> str:
    """JSON with every character escaped that YAML would not read as JSON does.

    >>> readable_as_yaml('["a\x85\xe9"]')
    '["a\\\\u0085\xe9"]'
    """
    return _UNREADABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text)


class Part(BaseModel):
    """A part of a spec: frozen, without settings that nobody knows, each setting described by the
    text below it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )
