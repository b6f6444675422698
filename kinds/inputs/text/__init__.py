"""The input `text`: the words of a text, or runs of them, as values of a vocabulary."""
