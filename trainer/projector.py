"""TensorBoard's projector: the vectors of tokens and of labels with their strings.

The files are a checkpoint, a table of strings for each set of vectors, and a config that names
them; TensorBoard itself need not be installed.
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from trainer.run import Run

OUT_OF_VOCABULARY, MISSING = "(out of vocabulary)", "(missing)"
CHECKPOINT, CONFIG = "projector.ckpt", "projector_config.pbtxt"


def write_projector(run: Run, folder: str) -> None:
    """Writes what the projector shows into the folder that TensorBoard is pointed at."""
    shown = vectors_of(run)
    checkpoint = tf.train.Checkpoint(**{name: tf.Variable(v) for name, (v, _) in shown.items()})
    tf.io.gfile.makedirs(folder)
    checkpoint.write(tf.io.gfile.join(folder, CHECKPOINT))
    for name, (_, strings) in shown.items():
        _write(folder, f"{name}.tsv", "".join(f"{escaped(text)}\n" for text in strings))
    _write(folder, CONFIG, config(list(shown)))


def vectors_of(run: Run) -> dict[str, tuple[np.ndarray, Sequence[str]]]:
    """{name: (vectors [values, width], their strings)}: each embedding table of a vocabulary, and
    the kernel of each head over one that has its own."""
    shown: dict[str, tuple[np.ndarray, Sequence[str]]] = {}
    for table, vocabulary in tables(run).items():
        vectors = run.network.body.get_layer(f"table.{table}").embeddings.numpy()
        shown[f"tokens_{table}"] = vectors, strings_of(run, vocabulary, len(vectors))
    for name, head in run.spec.label_heads().items():
        if not run.network.heads[name].tied:
            vectors = run.network.heads[name].kernel.numpy()
            shown[f"labels_{name}"] = vectors, strings_of(run, head.vocabulary, len(vectors))
    return shown


def tables(run: Run) -> Mapping[str, str]:
    """{embedding table: its vocabulary}"""
    return {part.table_name: part.vocabulary for part in run.spec.embedded_inputs().values()}


def strings_of(run: Run, vocabulary: str, rows: int) -> list[str]:
    """The values of a vocabulary, and what the rows after them stand for."""
    return [*run.data.vocabulary(vocabulary), OUT_OF_VOCABULARY, MISSING][:rows]


def escaped(text: str) -> str:
    r"""A string as one cell of one line.

    >>> print(escaped("a\tb\nc"), escaped(""))
    a\tb\nc (empty)
    """
    return text.replace("\\", "\\\\").translate(_ESCAPES) or "(empty)"


_ESCAPES = str.maketrans(
    {
        "\t": r"\t",
        "\n": r"\n",
        "\r": r"\r",
        "\v": r"\v",
        "\f": r"\f",
        "\x85": r"\x85",
        "\u2028": r"\u2028",
        "\u2029": r"\u2029",
    }
)


def config(names: Sequence[str]) -> str:
    """A ProjectorConfig in text form.

    >>> print(config(["tokens_words"]))
    model_checkpoint_path: "projector.ckpt"
    embeddings {
      tensor_name: "tokens_words/.ATTRIBUTES/VARIABLE_VALUE"
      metadata_path: "tokens_words.tsv"
    }
    <BLANKLINE>
    """
    parts = [f"model_checkpoint_path: {json.dumps(CHECKPOINT)}\n"]
    for name in names:
        tensor = json.dumps(f"{name}/.ATTRIBUTES/VARIABLE_VALUE")
        table = json.dumps(f"{name}.tsv")
        parts.append(f"embeddings {{\n  tensor_name: {tensor}\n  metadata_path: {table}\n}}\n")
    return "".join(parts)


def _write(folder: str, name: str, text: str) -> None:
    with tf.io.gfile.GFile(tf.io.gfile.join(folder, name), "w") as file:
        file.write(text)
