"""Files of rows that are scored, and of their scores: formats, streams, parts of a long run."""
