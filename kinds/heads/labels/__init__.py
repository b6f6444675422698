"""What kinds of heads share that predict labels of a vocabulary. No kind of its own."""
