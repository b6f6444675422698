"""The head `regression`: a number, predicted on a scale and given back in its own unit."""
