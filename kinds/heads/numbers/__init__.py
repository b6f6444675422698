"""What kinds of heads share whose target is one number. No kind of its own."""
