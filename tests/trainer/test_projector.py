"""The projector's files: every vector beside its string."""

import csv
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
from tiny_data import LABELS, WORDS, tiny_data, tiny_spec

from trainer.data_folder import read_data
from trainer.reporting.projector import escaped, write_projector
from trainer.run import open_run


def test_the_config_names_vectors_and_as_many_strings(tmp_path: Path) -> None:
    run, _ = open_run(read_data(tiny_data(tmp_path / "data")), tiny_spec())
    folder = tmp_path / "events"
    write_projector(run, str(folder))
    words = (folder / "projector_config.pbtxt").read_text().split()
    said = [(key, json.loads(value)) for key, value in pairwise(words) if key[-1] == ":"]
    names, vectors, strings = (
        [value for key, value in said if key == wanted]
        for wanted in ("tensor_name:", "tensor_path:", "metadata_path:")
    )
    expected = {
        "tokens_words": (run.network.body.get_layer("table.words").embeddings, "words0", WORDS + 2),
        "labels_label": (run.network.heads["label"].kernel, "labels0", LABELS + 1),
    }
    assert set(expected) <= set(names)
    for name, of_vectors, of_strings in zip(names, vectors, strings, strict=True):
        written = np.loadtxt(folder / of_vectors, delimiter="\t")
        texts = (folder / of_strings).read_text().splitlines()
        assert len(written) == len(texts)
        if name in expected:
            weights, first, rows = expected[name]
            np.testing.assert_allclose(written, weights.numpy(), rtol=1e-5, atol=1e-12)
            assert (texts[0], len(texts)) == (first, rows)


def test_any_string_is_one_cell_of_one_line() -> None:
    texts = ["a\tb", "a\nb", "a\r\nb", "\u2028", "\x85", "", "\\n", "plain"]
    cells = [escaped(text) for text in texts]
    assert "\n".join(cells).splitlines() == cells
    assert list(csv.reader(cells, delimiter="\t", quoting=csv.QUOTE_NONE)) == [[c] for c in cells]
    assert len(set(cells)) == len(texts)
