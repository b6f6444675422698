"""Fold-in: vectors for new ids are learned from the rows that hold one, and from no others.

Other rows say nothing about them. They do say how rare a new label is: where a head has new
labels, about as many other rows are drawn as there are rows with a new id, and count for all.
"""

from dataclasses import dataclass, replace

import tensorflow as tf

from kinds.inputs.network import KINDS
from kinds.parsing import Vectors
from pipeline.spec import Spec
from trainer.data import Batch, count_rows
from trainer.run import Run
from trainer.starting import Start


@dataclass(frozen=True)
class NewRows:
    """How much rows count: 1 where they hold a new id, else `times` if they are drawn, one of
    `times`, by their hash; 0 where that is 0."""

    spec: Spec
    start: Start
    times: int = 0

    @tf.autograph.experimental.do_not_convert
    def __call__(self, serialized: tf.Tensor, batch: Batch) -> tf.Tensor:
        """float32 [rows] of serialised examples, given what they hold."""
        weight = tf.cast(self._is_new(batch), tf.float32)
        if not self.times:
            return weight
        drawn = tf.strings.to_hash_bucket_fast(serialized, self.times) == 0
        return tf.maximum(weight, tf.where(drawn, float(self.times), 0.0))

    def _is_new(self, batch: Batch) -> tf.Tensor:
        found = tf.zeros_like(batch.weights, tf.bool)
        for ids, vocabulary in self._looked_up(batch.features):
            found |= self._any(ids, vocabulary)
        for name, labels in self.spec.labels().items():
            found |= self._any(batch.targets[name], labels.vocabulary)
        return found

    def _looked_up(self, features: Vectors) -> list[tuple[tf.Tensor, str]]:
        read = self.spec.read()
        return [
            (KINDS[read[name].kind].ids(name, read[name], features), lookup.vocabulary or "")
            for name, lookup in self.spec.lookups().items()
            if name in read
        ]

    def _any(self, ids: tf.Tensor, vocabulary: str) -> tf.Tensor:
        """bool [rows]: whether one of the ids is new."""
        had, has = self.start.size(vocabulary) or (0, 0)
        new = (ids >= had) & (ids < has)
        return tf.reduce_any(tf.reshape(new, [tf.shape(new)[0], -1]), axis=1)


def with_new_rows(run: Run, start: Start) -> Run:
    """The run over the rows of train and eval that new ids are learned from, and judged by."""
    new = NewRows(run.spec, start)
    rows = _counted(run, new)
    has_new_labels = any(start.size(labels.vocabulary) for labels in run.spec.labels().values())
    if has_new_labels and rows["train"]:
        others = run.data.rows("train") - rows["train"]
        new = replace(new, times=max(1, round(others / rows["train"])))
        rows = _counted(run, new)
    return _over(run, new, rows)


def new_ids_line(run: Run) -> str:
    """What a run over new rows learns, and from how much."""
    grown = (run.start.grown if run.start else None) or {}
    said = ", ".join(f"{has - had:,} of {name}" for name, (had, has) in grown.items())
    rows = f"from {run.rows('train'):,} of {run.data.rows('train'):,} training rows"
    return f"new ids: {said or 'none'}; learned {rows}"


def _counted(run: Run, new: NewRows) -> dict[str, int]:
    features = replace(run.features, weigh=new)
    return {side: count_rows(run.data.files(side), features) for side in ("train", "eval")}


def _over(run: Run, new: NewRows, rows: dict[str, int]) -> Run:
    return replace(run, features=replace(run.features, weigh=new), chosen=rows)
