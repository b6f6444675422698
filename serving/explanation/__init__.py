"""Explanations of a model's answers: what each input of a row has to do with them."""
