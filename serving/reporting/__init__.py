"""Contents of the report on a model: data of a run, charts, the model's picture."""
