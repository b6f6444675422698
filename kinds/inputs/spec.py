"""The settings of all kinds of inputs. Pydantic only."""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from kinds.answers import settings
from kinds.inputs import KINDS
from kinds.inputs.part import InputPart

CLASSES = settings("kinds.inputs", KINDS, InputPart)

if TYPE_CHECKING:
    Input = InputPart
else:
    Input = Annotated[Union[tuple(CLASSES)], Field(discriminator="kind")]  # noqa: UP007
