"""Steps of `pipeline.prepare`: from raw rows through Beam to a published folder of examples."""
