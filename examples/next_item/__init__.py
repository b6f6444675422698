"""The next item of a list: what each user had, in order, learned from at every place."""
