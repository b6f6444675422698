"""Steps of pipeline.forget: which rows are meant, files without them, what was made from them."""
