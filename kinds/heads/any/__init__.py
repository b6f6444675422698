"""What all kinds of heads share. No kind of its own."""
