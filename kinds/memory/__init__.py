"""Counted memory: what the training rows say of a value, kept beside the network."""
