"""What the report on a model shows: the data of a run, judged rows, charts, the model's picture."""
