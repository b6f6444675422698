"""The opset of a file: the first one that has the operations of all inputs, if its place reads it.

It follows from the spec alone, so what a place does not read is refused before anything is built.
"""

from collections.abc import Mapping

from onnx import defs

from kinds.inputs.onnx import KINDS
from kinds.inputs.part import InputPart
from kinds.nodes import ML_DOMAIN
from pipeline.failures import Exit, Failure
from serving.exporting.profiles import Profile


def opset_of(inputs: Mapping[str, InputPart], profile: Profile) -> int:
    """The profile's opset, or the first one after it that has the operations of all inputs.

    Raises Failure 2 where the place of the profile does not read that one.
    """
    opset = profile.opset
    for name, part in inputs.items():
        for operation in KINDS[part.kind].operations():
            while not (defs.has(operation, ML_DOMAIN) or defs.has(operation, opset)):
                opset += 1
        if opset > profile.newest_opset:
            rule = (
                f"--profile {profile.name} reads opset {profile.newest_opset} at most; an input of "
                f"the spec needs {opset}: take another profile, or leave the input out"
            )
            raise Failure(Exit.USAGE, rule, received=f"inputs.{name}: kind {part.kind}")
    return opset
