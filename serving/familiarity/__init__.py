"""Familiarity of rows: how far they are within what a model has been trained on."""
