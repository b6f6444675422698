"""Steps of `pipeline.run`: its options, a first spec, the stages' commands and processes."""
