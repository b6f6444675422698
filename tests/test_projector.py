"""The projector's files: every vector beside its string."""

import csv
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import tensorflow as tf
from tiny_data import LABELS, WORDS, tiny_data, tiny_spec

from trainer.data import read_data
from trainer.projector import escaped, write_projector
from trainer.run import open_run


def test_the_config_names_tensors_that_are_there_and_tables_of_their_length(tmp_path: Path) -> None:
    run, _ = open_run(read_data(tiny_data(tmp_path / "data")), tiny_spec())
    write_projector(run, str(tmp_path / "events"))
    folder = tmp_path / "events"
    words = (folder / "projector_config.pbtxt").read_text().split()
    said = {key: json.loads(value) for key, value in pairwise(words) if key[-1] == ":"}
    assert said["model_checkpoint_path:"] == "projector.ckpt"
    reader = tf.train.load_checkpoint(str(folder / said["model_checkpoint_path:"]))
    for name, rows in {"tokens_words": WORDS + 2, "labels_label": LABELS + 1}.items():
        assert f'"{name}.tsv"' in words
        tensor = f"{name}/.ATTRIBUTES/VARIABLE_VALUE"
        assert f'"{tensor}"' in words
        strings = (folder / f"{name}.tsv").read_text().splitlines()
        assert reader.get_tensor(tensor).shape[0] == len(strings) == rows
        assert strings[0] == ("words0" if name == "tokens_words" else "labels0")
    np.testing.assert_array_equal(
        reader.get_tensor("labels_label/.ATTRIBUTES/VARIABLE_VALUE"),
        run.network.heads["label"].kernel,
    )


def test_any_string_is_one_cell_of_one_line() -> None:
    texts = ["a\tb", "a\nb", "a\r\nb", "\u2028", "\x85", "", "\\n", "plain"]
    cells = [escaped(text) for text in texts]
    assert "\n".join(cells).splitlines() == cells
    assert list(csv.reader(cells, delimiter="\t", quoting=csv.QUOTE_NONE)) == [[c] for c in cells]
    assert len(set(cells)) == len(texts)
