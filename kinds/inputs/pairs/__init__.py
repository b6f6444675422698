"""Pairs of the ids that inputs offer (kinds.inputs.keys). Not a kind itself."""
