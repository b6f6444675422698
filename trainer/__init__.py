"""Prepared examples to a trained Keras model: an own training loop around stock layers."""

import os

# Keras reads its backend when it is first imported.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
