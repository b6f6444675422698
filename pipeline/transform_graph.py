"""tf.Transform's graph of what prepare does to a row, made in one place from what was learned.

No row has a part in it, so it is a small pipeline of its own inside one step of the large one: the
files that tf.Transform wants to share between its steps stay on one machine, whatever the engine.
"""

import tempfile
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipeline import spec as specs
from pipeline import tensors
from pipeline.fields import Fields
from pipeline.learning import Learned
from pipeline.preprocessing import preprocessing_fn


def write(learned: Learned, spec: specs.Spec, fields: Fields, folder: Path) -> None:
    """Writes the transform graph into a folder of this machine."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        beam.Pipeline(runner=FnApiRunner()) as pipeline,
        tft_beam.Context(temp_dir=scratch),
    ):
        _ = (
            pipeline
            | "Learned" >> beam.Create([learned], reshuffle=False)
            | "MakeTransformGraph" >> MakeTransformGraph(spec, fields)
            | "WriteTransform" >> tft_beam.WriteTransformFn(str(folder))
        )


class MakeTransformGraph(beam.PTransform):
    """What was learned to the transform graph: the record of what is done to a row."""

    def __init__(self, spec: specs.Spec, fields: Fields) -> None:
        super().__init__()
        self._spec, self._config = spec, tensors.adapter_config(fields)

    def expand(self, learned: Any) -> Any:
        # The analyzers hand over what was learned, so tf.Transform need not see a row.
        no_rows = learned.pipeline | "NoRows" >> beam.Create([], reshuffle=False)
        analyze = tft_beam.AnalyzeDataset(preprocessing_fn(self._spec, learned))
        return (no_rows, self._config) | analyze
