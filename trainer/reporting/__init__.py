"""What a run tells while it learns and when it is done: its history, its tables, the projector."""
