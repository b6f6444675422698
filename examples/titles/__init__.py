"""Films by their titles: text and lists, on films that nobody in training has rated."""
