"""Prepared examples to a trained Keras model: an own training loop around stock layers."""

import os

from pipeline.quiet import quiet_import

# Before the first import: Keras reads its backend then.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
with quiet_import():
    import keras  # noqa: F401
