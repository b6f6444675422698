"""The head `binary`: yes or no, by a sigmoid."""
