"""The heads: from the body's vector to logits.

A head's kernel is kept as [classes, width], a label embedding: the rows of labels can be gathered
and updated one by one. A tied head has no kernel of its own, it uses the rows of an input's table.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kinds.heads.classification.spec import Classification
from kinds.heads.multilabel.spec import Multilabel
from pipeline.spec import Spec
from trainer.network.body import Body

# The rows of a classification start with length 1 on average, as those of a table do: a rare label
# has few steps to get there. This is for the other kinds.
KERNEL_STDDEV = 0.01


@dataclass(frozen=True)
class Head:
    """The weights of one head.

    kernel: [at least classes, width]; the table's own variable where the head is tied
    bias: [classes]
    projection: [hidden, width] where a tied head's hidden vector is wider than the table
    """

    name: str
    kind: str
    classes: int
    kernel: tf.Variable
    bias: tf.Variable
    projection: tf.Variable | None
    tied: bool

    def variables(self) -> list[tf.Variable]:
        """What the head owns."""
        own = [] if self.tied else [self.kernel]
        return [*own, self.bias, *([] if self.projection is None else [self.projection])]

    def rows_by_class(self) -> list[tf.Variable]:
        """What the head owns of which each class has a row of its own."""
        return [self.bias] if self.tied else [self.kernel, self.bias]


def classes_of(spec: Spec, entries: Mapping[str, int]) -> dict[str, int]:
    """How many outputs each head has; a classification has one more than its vocabulary."""
    classes = dict.fromkeys(spec.heads, 1)
    for name, head in spec.label_heads().items():
        unknown = 1 if isinstance(head, Classification) else 0
        classes[name] = entries[head.vocabulary] + unknown
    return classes


def build_heads(
    spec: Spec, entries: Mapping[str, int], body: Body, bias: Mapping[str, np.ndarray], seed: int
) -> dict[str, Head]:
    """The heads of the spec. `bias` is where each output bias starts: {head: [classes]}."""
    generator = tf.random.Generator.from_seed(seed, alg="philox")
    heads = {}
    for name, classes in classes_of(spec, entries).items():
        part = spec.heads[name]
        table = part.tied if isinstance(part, Classification | Multilabel) else None
        hidden = int(body.model.output[name].shape[-1])
        kernel, projection = _kernel(name, part.kind, classes, hidden, body, table, generator)
        start = tf.Variable(np.float32(bias[name]), name=f"{name}.bias")
        heads[name] = Head(name, part.kind, classes, kernel, start, projection, table is not None)
    return heads


def _kernel(
    name: str,
    kind: str,
    classes: int,
    hidden: int,
    body: Body,
    table: str | None,
    generator: tf.random.Generator,
) -> tuple[tf.Variable, tf.Variable | None]:
    if table is None:
        stddev = hidden**-0.5 if kind == "classification" else KERNEL_STDDEV
        start = generator.normal([classes, hidden], stddev=stddev)
        return tf.Variable(start, name=f"{name}.kernel"), None
    kernel = body.tables[table].embeddings.value
    width = int(kernel.shape[1])
    if width == hidden:
        return kernel, None
    start = generator.normal([hidden, width], stddev=hidden**-0.5)
    return kernel, tf.Variable(start, name=f"{name}.projection")


def head_input(head: Head, hidden: tf.Tensor) -> tf.Tensor:
    """[batch, hidden] to [batch, width] of the kernel."""
    return hidden if head.projection is None else tf.matmul(hidden, head.projection)


def kernel_rows(head: Head) -> tf.Tensor:
    """The kernel's rows that are classes: [classes, width]. A table's last row is no class."""
    kernel = tf.convert_to_tensor(head.kernel)
    return kernel[: head.classes] if head.tied else kernel


def logits(head: Head, hidden: tf.Tensor) -> tf.Tensor:
    """[batch, hidden] to [batch, classes]."""
    product = tf.matmul(head_input(head, hidden), kernel_rows(head), transpose_b=True)
    return tf.nn.bias_add(product, head.bias)
