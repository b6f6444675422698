"""Typed rows to the features of examples, a batch at a time, without TensorFlow's graph.

The transform graph (preprocessing.py) is the record of what is done to a row. This does the same
several times as fast; every run proves it on rows of its own (proof.py). Nothing is learned here.
"""

from collections.abc import Iterable, Mapping

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
    made = features_of([*kinds_of(spec)], rows, spec, fields, known)
    if fields.weight is not None:
        made[WEIGHT] = one_each(rows.column(fields.weight.output))
    return pa.RecordBatch.from_pydict(made)


def features_of(
    names: Iterable[str],
    rows: pa.RecordBatch,
    spec: specs.Spec,
    fields: Fields,
    known: Mapping[str, Known],
) -> dict[str, pa.Array]:
    """The features of some inputs and heads. What is made of others' features comes last."""
    kinds, made = kinds_of(spec), dict[str, pa.Array]()
    for name in sorted(names, key=lambda one: not fields.of(one)):
        kind, part = kinds[name]
        own, reading = fields.of(name), known[name].reading
        columns = [as_read(rows.column(field.output), reading) for field in own]
        given = one_or_all(columns) if columns else made
        made |= kind.features(name, part, given, known[name])
    return made
