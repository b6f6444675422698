"""Steps of `serving.score`: its options, checks before any work, batches, and what is published."""
