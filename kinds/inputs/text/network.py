"""A text in the network: the vectors of its values, made one."""

from kinds.inputs.places import at_places as at_places
from kinds.inputs.several.network import features as features
from kinds.inputs.several.network import ids as ids
from kinds.inputs.several.network import is_side_by_side as is_side_by_side
from kinds.inputs.several.network import vector as vector
