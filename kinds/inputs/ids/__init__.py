"""What kinds of inputs share that look their values up in a vocabulary. No kind of its own."""
