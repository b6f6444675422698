"""The input `vector`: a list of as many numbers in each row, such as a vector from elsewhere."""
