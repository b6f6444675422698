"""CoDEx-M, a knowledge graph: (entity, relation) -> the other entity, in both directions."""
