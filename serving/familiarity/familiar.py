"""How familiar rows are, as columns beside their results.

    row.values 9 | row.known 7 | row.distance 2.31 | row.farthest "age" | next.support 140

Of the values that the inputs read of a row, the known ones are not outside their vocabularies. The
distance is the mean surprise of the inputs (serving.familiarity.surprise), and the farthest the
input with the greatest. The support is how many training rows have the first answer.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pyarrow as pa
import pyarrow.compute as pc

from kinds import tensors
from kinds.heads.score import FileHead
from kinds.inputs.ids.numbering import missing_id, unknown_id
from kinds.tensors import Element
from pipeline.failures import Exit, Failure
from serving.evaluation.drift import analyses_of
from serving.explanation.parts import is_nothing
from serving.familiarity.surprise import Surprise
from serving.model_file.outputs import only_outputs
from serving.model_file.sessions import session

if TYPE_CHECKING:
    from serving.scorer import Scorer

Array = npt.NDArray[Any]
Arrays = dict[str, Array]

VALUES, KNOWN, DISTANCE, FARTHEST = "row.values", "row.known", "row.distance", "row.farthest"


class Familiar:
    """Of the rows of a model. Raises Failure: 2 for a model that does not know its training rows,
    5 where what it says of them cannot be."""

    def __init__(self, scorer: "Scorer", heads: Sequence[str] | None = None) -> None:
        self._scorer, metadata = scorer, scorer.metadata
        if not metadata.training:
            rule = "--known needs a model that describes its training rows: export its run again"
            raise Failure(Exit.USAGE, rule, received=f"the model {metadata.name!r}")
        analyses = analyses_of(metadata)
        self._surprises = {n: Surprise(a, metadata.training[n]) for n, a in analyses.items()}
        self._analyses = analyses
        usual = metadata.usual()
        self._sizes = {name: usual[name].size for name in analyses if name in usual}
        self._supports = {
            head.name: np.repeat(*np.array(runs, np.int64).T)
            for head in scorer.heads(heads)
            if (runs := metadata.support.get(head.name))
        }

    def schema(self) -> pa.Schema:
        of_row = [(VALUES, pa.int32()), (KNOWN, pa.int32())]
        of_row += [(DISTANCE, pa.float32()), (FARTHEST, pa.string())]
        return pa.schema([*of_row, *((f"{n}.support", pa.int64()) for n in self._supports)])

    def depends_on(self) -> list[Any]:
        return ["familiar"]

    def lines(self, head: FileHead | None, row: Mapping[str, Any]) -> list[str]:
        if head is None:
            known = f"{row[KNOWN]} of {row[VALUES]} values known"
            return [f"{known}, distance {row[DISTANCE]:.2f}, most by {row[FARTHEST]}"]
        support = row.get(f"{head.name}.support")
        return [] if support is None else [f"  training rows with the first answer: {support:,}"]

    def of(self, typed: pa.RecordBatch, results: pa.RecordBatch) -> list[pa.Array]:
        each = np.stack([one.of(typed) for one in self._surprises.values()])
        names = pa.array(list(self._surprises), pa.string())
        values, known = self._counted(typed)
        return [
            pa.array(values, pa.int32()),
            pa.array(known, pa.int32()),
            pa.array(each.mean(axis=0), pa.float32()),
            names.take(pa.array(each.argmax(axis=0))) if typed.num_rows else names[:0],
            *(self._support(name, results) for name in self._supports),
        ]

    def _support(self, head: str, results: pa.RecordBatch) -> pa.Array:
        (one,) = self._scorer.heads([head])
        labels = results.column(one.outputs[0])
        # Of a row in which no label may come back there is none.
        first = pc.list_slice(labels, 0, 1, return_fixed_size_list=True).flatten()
        at = pc.index_in(first, self._scorer.labels[head].slice(0, one.entries))
        return pa.array(self._supports[head], pa.int64()).take(at)

    def _counted(self, typed: pa.RecordBatch) -> tuple[Array, Array]:
        """int64 [rows] each: the values that are there, and those that are known."""

        def run(_: int, rows: Arrays) -> Array:
            return np.stack(self._of_some(rows))

        parts = self._scorer.in_batches(typed, run)
        values, known = np.concatenate([np.zeros((2, 0), np.int64), *parts], axis=1)
        return values, known

    def _of_some(self, rows: Arrays) -> tuple[Array, Array]:
        count = len(next(iter(rows.values())))
        values, known = np.zeros((2, count), np.int64)
        given = {of.name: rows[of.name] for of in self._lookups.get_inputs()} if self._sizes else {}
        found = self._lookups.run(None, given) if self._sizes else []
        for ids, size in zip(found, self._sizes.values(), strict=True):
            flat = ids.reshape(count, -1)
            there = flat != missing_id(size)
            values += there.sum(axis=1)
            known += (there & (flat != unknown_id(size))).sum(axis=1)
        for name, analysis in self._analyses.items():
            if name not in self._sizes:
                there = ~is_nothing(rows[analysis.field.output].reshape(count, -1))
                # A vector is one value, and each text of a list.
                there = there[:, :1] if analysis.is_number else there[:, -(analysis.length or 1) :]
                values += there.sum(axis=1)
                known += there.sum(axis=1)
        return values, known

    @cached_property
    def _lookups(self) -> onnxruntime.InferenceSession:
        outputs: dict[str, Element] = {tensors.ids(name): "int64" for name in self._sizes}
        return session(only_outputs(self._scorer.graph, outputs))
