"""The file under test: results, features and vectors of typed rows, from onnxruntime."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pyarrow as pa
from onnx import TensorProto, helper

from kinds.heads.score import KINDS
from kinds.tensors import TOP_K, Element, feature
from serving.exporting.graph import loaded
from serving.model_file.feeds import feeds, spans
from serving.model_file.file_graph import FileGraph
from serving.model_file.int8_top_k import last_product
from serving.model_file.metadata import Metadata
from serving.model_file.outputs import only_outputs

Array = npt.NDArray[Any]

_ELEMENTS: dict[Element, int] = {"float": TensorProto.FLOAT, "int32": TensorProto.INT32}
# With no more labels a head's results cost as little as the vectors before them.
MANY_LABELS = 1000


class Exported:
    """`features` are the model's inputs. `hidden` says of heads with many labels in which tensor
    the vectors are that their logits are a product of, where they are a product."""

    def __init__(self, content: bytes, features: Mapping[str, Any], file: Metadata) -> None:
        self.file, self._content, self._graph = file, content, FileGraph(content)
        self._features: dict[str, Element] = {
            feature(name): "float" if "float" in str(tensor.dtype) else "int32"
            for name, tensor in features.items()
        }
        many = [head.name for head in file.heads if (head.entries or 0) > MANY_LABELS]
        products = {name: last_product(self._graph, name) for name in many}
        self.hidden = {name: made.inputs[0] for name, made in products.items() if made}

    def run(
        self, typed: pa.RecordBatch, top_k: int, beside: Mapping[str, Array] = MappingProxyType({})
    ) -> dict[str, Array]:
        """Results and features. `beside` are inputs that the rows do not give."""
        count = {TOP_K: np.array([top_k], np.int64)}
        return self._run(self._whole, typed, {**beside, **count})

    def run_within(self, typed: pa.RecordBatch) -> dict[str, Array]:
        """Features, the `hidden` vectors, and the results of the heads that have none."""
        return self._run(self._part, typed, {})

    def _run(
        self,
        session: onnxruntime.InferenceSession,
        typed: pa.RecordBatch,
        beside: Mapping[str, Array],
    ) -> dict[str, Array]:
        inputs = feeds(typed, self.file.fields, self.file.lengths)
        known = {given.name for given in session.get_inputs()}
        inputs = {name: values for name, values in inputs.items() if name in known} | {**beside}
        names = [output.name for output in session.get_outputs()]
        parts: list[Sequence[Array]] = []
        for start, end in spans(typed, self.file.fields, typed.num_rows):
            part = {n: v if len(v) == 1 else v[start:end] for n, v in inputs.items()}
            parts.append(session.run(names, part))
        whole = parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
        return dict(zip(names, whole, strict=True))

    @cached_property
    def _whole(self) -> onnxruntime.InferenceSession:
        """The file with its features as further outputs."""
        model = onnx.load_from_string(self._content)
        for name, kind in self._features.items():
            model.graph.output.append(helper.make_tensor_value_info(name, _ELEMENTS[kind], None))
        return loaded(model.SerializeToString())

    @cached_property
    def _part(self) -> onnxruntime.InferenceSession:
        outputs: dict[str, Element] = dict.fromkeys(self.hidden.values(), "float")
        for head in self.file.heads:
            if head.name not in self.hidden:
                columns = KINDS[head.kind].columns(head, labels_only=False)
                is_text = {n: "string" in str(kind) for n, kind in columns.items()}
                outputs |= {n: "string" if text else "float" for n, text in is_text.items()}
        return loaded(only_outputs(self._graph, self._features | outputs))
