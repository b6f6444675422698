"""Films by their titles and genres: text and lists in the place of an id."""
