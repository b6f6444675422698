"""Films by their titles and genres: text and lists instead of an id."""
