"""Versions of a model that is updated: where they lie, what each is, and how a new one is made."""
