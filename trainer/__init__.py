"""Prepared examples to a trained Keras model: an own training loop around stock layers."""

import os

# Before the first import of either: Keras reads its backend then, TensorFlow its log level.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
