"""TensorBoard's projector: the vectors of tokens and of labels with their strings.

The files are plain text: for each set of vectors a table of them and one of their strings, and a
config that names both. TensorBoard reads them without TensorFlow, and need not be installed here.
"""

import json
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from trainer.network.body import table_layer, tables_of
from trainer.run import Run

OUT_OF_VOCABULARY, MISSING = "(out of vocabulary)", "(missing)"
CONFIG = "projector_config.pbtxt"


def write_projector(run: Run, folder: str) -> None:
    """Writes what the projector shows into the folder that TensorBoard is pointed at."""
    tf.io.gfile.makedirs(folder)
    shown = vectors_of(run)
    for name, (vectors, strings) in shown.items():
        with _opened(folder, vectors_file(name)) as file:
            np.savetxt(file, vectors, fmt="%.6g", delimiter="\t")
        with _opened(folder, strings_file(name)) as file:
            file.write("".join(f"{escaped(text)}\n" for text in strings))
    with _opened(folder, CONFIG) as file:
        file.write(config(list(shown)))


def vectors_of(run: Run) -> dict[str, tuple[np.ndarray, Sequence[str]]]:
    """{name: (vectors [values, width], their strings)}: each embedding table of a vocabulary, and
    the kernel of each head over one that has its own."""
    shown: dict[str, tuple[np.ndarray, Sequence[str]]] = {}
    for table, vocabulary in tables_of(run.spec).items():
        vectors = run.network.body.get_layer(table_layer(run.spec, table)).embeddings.numpy()
        shown[f"tokens_{table}"] = vectors, strings_of(run, vocabulary, len(vectors))
    for name, labels in run.spec.labels().items():
        if not labels.tied:
            vectors = run.network.heads[name].weights()[0].numpy()
            shown[f"labels_{name}"] = vectors, strings_of(run, labels.vocabulary, len(vectors))
    return shown


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


def vectors_file(name: str) -> str:
    return f"{name}.vectors.tsv"


def strings_file(name: str) -> str:
    return f"{name}.strings.tsv"


def config(names: Sequence[str]) -> str:
    """A ProjectorConfig in text form.

    >>> print(config(["tokens_words"]))
    embeddings {
      tensor_name: "tokens_words"
      tensor_path: "tokens_words.vectors.tsv"
      metadata_path: "tokens_words.strings.tsv"
    }
    <BLANKLINE>
    """
    parts = []
    for name in names:
        files = {"tensor_path": vectors_file(name), "metadata_path": strings_file(name)}
        fields = {"tensor_name": name, **files}
        lines = [f"  {key}: {json.dumps(value)}\n" for key, value in fields.items()]
        parts.append(f"embeddings {{\n{''.join(lines)}}}\n")
    return "".join(parts)


def _opened(folder: str, name: str) -> tf.io.gfile.GFile:
    return tf.io.gfile.GFile(tf.io.gfile.join(folder, name), "w")
