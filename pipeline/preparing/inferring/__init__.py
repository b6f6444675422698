"""A first spec from rows: what the columns are like, what each is for, and what model fits them."""
