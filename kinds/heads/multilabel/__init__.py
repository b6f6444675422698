"""The head `multilabel`: any number of labels of a vocabulary, a sigmoid each."""
