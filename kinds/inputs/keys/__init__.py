"""The ids that inputs offer to whatever goes by ids, such as a cross. Not a kind itself."""
