"""The settings of all kinds of heads. Pydantic only."""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from kinds.answers import settings
from kinds.heads import KINDS
from kinds.heads.part import HeadPart

CLASSES = settings("kinds.heads", KINDS, HeadPart)

if TYPE_CHECKING:
    Head = HeadPart
else:
    Head = Annotated[Union[tuple(CLASSES)], Field(discriminator="kind")]  # noqa: UP007
