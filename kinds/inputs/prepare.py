"""Answers of each kind of input to prepare. Numpy and pyarrow only, beside the settings."""

from kinds.answers import answers
from kinds.prepare import Prepare

KINDS = answers("kinds.inputs", "prepare", Prepare)
