"""The head `classification`: one label of a vocabulary, by a softmax."""
