"""Typed rows to the features of examples, a batch at a time, without TensorFlow's graph.

The transform graph (preprocessing.py) is the record of what is done to a row. This does the same
several times as fast; every run proves it on rows of its own (proof.py). Nothing is learned here.
"""

from collections.abc import Mapping

import pyarrow as pa

from kinds.columns.readings import as_read
from kinds.lists import one_each
from kinds.names import WEIGHT
from kinds.prepare import Known
from pipeline import spec as specs
from pipeline.fields import Fields, kinds_of, one_or_all


def features(
    rows: pa.RecordBatch, spec: specs.Spec, fields: Fields, known: Mapping[str, Known]
) -> pa.RecordBatch:
    """One list column a feature, as tf.Transform gives them: list<int64> and list<float>.

    How texts are read is known only since all training rows have been seen.
    """
    made: dict[str, pa.Array] = {}
    for name, (kind, part) in kinds_of(spec).items():
        own, reading = fields.of(name), known[name].reading
        columns = [as_read(rows.column(field.output), reading) for field in own]
        made |= kind.features(name, part, one_or_all(columns), known[name])
    if fields.weight is not None:
        made[WEIGHT] = one_each(rows.column(fields.weight.output))
    return pa.RecordBatch.from_pydict(made)
