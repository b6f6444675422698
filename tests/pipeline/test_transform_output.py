"""The transform folder in the hands of others: TensorFlow and tf.Transform, and nothing of ours."""

import json
import subprocess
import sys
from pathlib import Path

from pipeline import prepare

SPEC = """
name: others
weight: trust
vocabularies: {words: {}, tags: {}}
inputs:
  word: {kind: category, vocabulary: words}
  past: {kind: sequence, vocabulary: words, length: 2}
  past_row_splits: {kind: number, scale: log, column: age}
  _age: {kind: number, column: age}
  self: {kind: number, column: age}
  class: {kind: number, column: age}
  part: {kind: number, scale: buckets, buckets: 2, embedding: 2, column: age}
heads:
  next: {kind: classification, vocabulary: words}
  tags: {kind: multilabel, vocabulary: tags}
  price: {kind: regression}
split: {by: hash, columns: [word], eval: 0, test: 0}
"""
ROWS = [
    ("a\nb", ["a\nb", "", "é\r\n"], 1.5, "", ["x", "y"], 3.0, 1.0),
    ("", ["a\nb"], None, "a\nb", ["y", "y", "new"], None, 2.0),
    (None, [], -7.25, None, [], 1.0, 0.5),
    ("\U0001f600", ["no one else has it", " "], 1e30, " ", ["x"], -4.5, 1.0),
]
NAMES = ("word", "past", "age", "next", "tags", "price", "trust")
# Which column each raw feature of the graph is made from.
COLUMNS = {
    **{name: name for name in ("word", "past", "next", "tags", "price")},
    **dict.fromkeys(("past_row_splits", "_age", "self", "class", "part"), "age"),
    "row.weight": "trust",
}
# A program of someone who has the folder and its documentation, but not this project.
SCRIPT = """
import json, sys
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

data, columns = sys.argv[1], json.loads(sys.argv[2])
found = tft.TFTransformOutput(data + "/transform")

def values_of(name):
    with open(f"{data}/vocabulary/{name}.jsonl", encoding="utf-8", newline="\\n") as file:
        return [json.loads(line)[0].encode() for line in file]

for name in ("words", "tags"):
    values = values_of(name)
    assert found.vocabulary_by_name(name) == values
    assert found.vocabulary_size_by_name(name) == len(values)
    assert tf.io.gfile.exists(found.vocabulary_file_by_name(name))
assert {b"a\\nb", "\\U0001f600".encode(), b"", b" "} <= set(found.vocabulary_by_name("words"))

def example(row):
    made = tf.train.Example()
    for name, column in columns.items():
        cell, feature = row[column], made.features.feature[name]
        for one in cell if isinstance(cell, list) else [] if cell is None else [cell]:
            if isinstance(one, str):
                feature.bytes_list.value.append(one.encode())
            else:
                feature.float_list.value.append(one)
    return made.SerializeToString()

with open(sys.argv[3], encoding="utf-8") as file:
    rows = [json.loads(line) for line in file]
raw = tf.io.parse_example([example(row) for row in rows], found.raw_feature_spec())
assert set(raw) == set(columns)
transformed = found.transform_raw_features(raw)
files = tf.io.gfile.glob(data + "/examples/train/*")
records = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
written = tf.io.parse_example(records, found.transformed_feature_spec())
assert set(transformed) == set(written) == set(found.transformed_feature_spec())

def plain(tensor):
    return tensor.to_list() if isinstance(tensor, tf.RaggedTensor) else tensor.numpy().tolist()

def same(one, other):
    if isinstance(one, tf.RaggedTensor):
        assert one.to_list() == other.to_list()
    else:
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=3e-7)

for name in written:
    same(transformed[name], written[name])
assert any(written["past"].to_list()) and any(written["tags"].to_list())

# A row that is to be scored has no targets.
others = {"next", "tags", "price", "row.weight"}
inputs = {name: raw[name] for name in columns if name not in others}
scored = found.transform_raw_features(inputs)
assert set(written) - set(scored) == others
for name in scored:
    same(scored[name], written[name])
found.load_transform_graph()

serve = tf.saved_model.load(found.transform_savedmodel_dir).signatures["serving_default"]
past = inputs.pop("past")
renamed = {"_age": "arg__age", "self": "arg_self", "class": "arg_class"}
named = {renamed.get(name, name): tensor for name, tensor in inputs.items()}
named |= {"past": past.flat_values, "past__row_splits": past.row_splits}
assert set(serve.structured_input_signature[1]) == set(named)
served = serve(**named)
splits = served.pop("past__row_splits")
served["past"] = tf.RaggedTensor.from_row_splits(served["past"], splits)
assert set(served) == set(scored)
for name in served:
    same(served[name], written[name])
assert not {"kinds", "pipeline", "serving", "trainer"} & set(sys.modules)
print("done")
"""


def test_the_folder_is_an_output_of_tf_transform(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    rows = tmp_path / "train.jsonl"
    lines = [json.dumps(dict(zip(NAMES, row, strict=True))) + "\n" for row in ROWS]
    rows.write_text("".join(lines), encoding="utf-8")
    data = tmp_path / "out" / "data"
    arguments = ["--spec", str(tmp_path / "spec.yaml"), "--shards", "1"]
    prepare.run([*arguments, "--input", str(rows), "--output", str(data)])
    moved = data.rename(tmp_path / "elsewhere")
    done = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", SCRIPT, moved, json.dumps(COLUMNS), rows],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "done", done.stderr[-3000:]
