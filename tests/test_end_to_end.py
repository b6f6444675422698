"""The one command, from raw rows to scored rows, as a person runs it: four processes."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from chain import read_json, words

from examples.made_up_rows import rows_for
from kinds.columns import cast
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from serving import score
from serving.model_file.feeds import feeds
from serving.scorer import Scorer

# Every kind of input and of head, small enough to train in seconds.
SPEC = """
name: everything
keys: [row]
weight: importance
vocabularies: {word: {size: 30}, few: {values: [red, green]}, label: {size: 6}, tag: {size: 5}}
shared:
  common: {units: 12, phases: {every: 1, rows: 500}}
inputs:
  word: {kind: category, vocabulary: word, embedding: 8, through: common}
  colour: {kind: category, vocabulary: few, column: the colour, embedding: 2}
  words: {kind: sequence, vocabulary: word, length: 4, embedding: 8, through: common, combine: mean}
  story: {kind: sequence, vocabulary: word, length: 5, embedding: 8, combine: gru, units: 6}
  age: {kind: number}
  price: {kind: number, scale: log, missing: 3, pieces: 8}
  size: {kind: number, scale: buckets, buckets: 4, embedding: 2, missing: reject}
trunk: {layers: [16], dropout: 0.1}
heads:
  label: {kind: classification, vocabulary: label, top_k: 3}
  next: {kind: classification, vocabulary: word, tied: word}
  tags: {kind: multilabel, vocabulary: tag, top_k: 2}
  bought: {kind: binary}
  amount: {kind: regression, scale: log}
  visits: {kind: count}
split: {by: hash, columns: [row], eval: 0.15, test: 0.15}
training: {epochs: 4, batch_size: 64, learning_rate: 0.01}
"""
ROWS = 1200


@pytest.fixture(scope="module")
def spec() -> Spec:
    return parse_spec(SPEC)


@pytest.fixture(scope="module")
def rows(spec: Spec) -> pa.Table:
    return rows_for(spec, ROWS, seed=11)


@pytest.fixture(scope="module")
def output(rows: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("end to end") / "o\u00fct put"
    folder.mkdir()
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    pq.write_table(rows, folder / "rows.parquet")
    done = command(folder, "--side", "all")
    assert done.returncode == 0, done.stderr
    return folder


def command(folder: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    line = words("-m", "pipeline.run", "--spec", folder / "spec.yaml", "--output", folder)
    line += words("--input", folder / "rows.parquet", *more)
    return subprocess.run([sys.executable, *line], capture_output=True, text=True)


def test_every_row_is_scored_in_its_order_with_its_key(output: Path, rows: pa.Table) -> None:
    scores = pq.read_table(output / "scores.parquet")
    assert scores["row"].to_pylist() == rows["row"].to_pylist()


def test_every_row_is_accounted_for_in_one_side_of_the_split(output: Path) -> None:
    counted = read_json(output / "data" / "statistics.json")["rows"]
    assert counted["read"] == ROWS
    assert counted["read"] == sum(counted[k] for k in ("train", "eval", "test", "rejected"))
    assert min(counted[side] for side in ("eval", "test")) > 0.1 * ROWS


def test_each_head_beats_the_best_constant_on_held_out_rows(output: Path) -> None:
    metrics = read_json(output / "run" / "metrics.json")
    for head in ("label", "bought"):
        constant = metrics["baselines"][head]["constant"]["test"]["log_loss"]
        assert metrics["test"][head]["log_loss"] < 0.9 * constant, head
    constant = metrics["baselines"]["amount"]["constant"]["test"]["root_mean_squared_error"]
    assert metrics["test"]["amount"]["root_mean_squared_error"] < 0.9 * constant


def test_answers_hold_the_truth_about_as_often_as_asked_and_in_each_slice_shown(
    output: Path, tmp_path: Path
) -> None:
    scores = tmp_path / "answers.parquet"
    line = words("--model", output / "model" / "model.onnx", "--input", output / "rows.parquet")
    line += words("--side", "test", "--output", scores, "--evaluate", "--slice", "age<0")
    score.run([*line, "--coverage", "0.8", "--answers"])
    found, metrics = (
        pq.read_table(scores),
        read_json(scores.with_name(f"{scores.name}.metrics.json")),
    )
    known = read_json(output / "run" / "metrics.json")
    assert {"label.set", "tags.set", "next.set", "amount.low", "visits.high", "bought.answer"} <= {
        *found.schema.names
    }
    for name, made in known["calibration"].items():
        for one in (metrics[name], *metrics[name]["slices"]):
            error = np.sqrt(0.8 * 0.2 * (1 / made["rows"] + 1 / one["targets"]))
            assert one["coverage"] > 0.8 - 2.5 * error, (name, one)
        judged = {one["coverage"]: one for one in made["judged"]["test"]}
        assert judged[0.8]["held"] == pytest.approx(metrics[name]["coverage"], abs=0.01)
    threshold = known["thresholds"]["bought"]["threshold"]
    expected = [score >= threshold for score in found["bought.score"].to_pylist()]
    assert found["bought.answer"].to_pylist() == expected
    assert known["thresholds"]["bought"]["judged"]["test"]["f1"] > 0.5


def test_features_written_by_prepare_are_those_that_the_scorer_looks_up(
    output: Path, rows: pa.Table
) -> None:
    """Over every row of the fixture: the same ids, and numbers that are equal in float32."""
    prepared = sorted(example_features(output / "data"))
    scored = sorted(file_features(output / "model" / "model.onnx", rows))
    assert [ids for ids, _ in prepared] == [ids for ids, _ in scored]
    expected, found = (np.array([numbers for _, numbers in side]) for side in (prepared, scored))
    assert expected.shape == (ROWS, len(NUMBERS))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


# The features that are ids, and the length to which the graph pads them; then the numbers.
IDS = {"word": 0, "colour": 0, "words": 4, "story": 5, "size": 0}
NUMBERS = ("age", "age.missing", "price", "price.missing")
MISSING_WORD = 31
Features = tuple[list[list[int]], list[float]]


def example_features(data: Path) -> list[Features]:
    found = []
    for path in data.glob("examples/*/*.tfrecord.gz"):
        for record in tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator():
            feature = tf.train.Example.FromString(record).features.feature
            ids = [list(feature[name].int64_list.value) for name in IDS]
            found.append((ids, [float(feature[name].float_list.value[0]) for name in NUMBERS]))
    return found


def file_features(model: Path, rows: pa.Table) -> list[Features]:
    """What the exported graph makes of raw rows, read out of its middle."""
    scorer, graph = Scorer(model), onnx.load(model)
    names = [f"/feature/{name}" for name in (*IDS, *NUMBERS)]
    graph.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
    [batch] = rows.combine_chunks().to_batches()
    typed, _, rejected = cast(batch, scorer.metadata.fields)
    assert not rejected
    columns = session.run(names, feeds(typed, scorer.metadata.fields, scorer.metadata.lengths))
    return [
        (
            [unpadded(v, length) for v, length in zip(row, IDS.values(), strict=False)],
            [float(v) for v in row[len(IDS) :]],
        )
        for row in zip(*columns, strict=True)
    ]


def unpadded(value: Any, length: int) -> list[int]:
    ids: list[int] = np.atleast_1d(value).tolist()
    while length and ids and ids[0] == MISSING_WORD:
        ids.pop(0)
    return ids


def test_the_report_shows_every_head_and_what_each_stage_cost(output: Path, spec: Spec) -> None:
    text = (output / "report.html").read_text(encoding="utf-8")
    assert all(f'id="head-{name}"' in text for name in spec.heads)
    costs = re.findall(r'<td>(prepare|train|export)</td><td class="n">(\d+:\d\d)</td>', text)
    assert [stage for stage, _ in costs] == ["prepare", "train", "export"]
    # A phase after each epoch but the last, marked on the losses of each head and of all.
    assert text.count('<line class="phase"') == 3 * (len(spec.heads) + 1)


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_scores_do_not_depend_on_the_size_of_the_batch(
    output: Path, rows: pa.Table, size: int
) -> None:
    scorer, some = Scorer(output / "model" / "model.onnx"), rows.slice(0, 130)
    whole = scorer.score(some)
    parts = [scorer.score(some.slice(at, size)) for at in range(0, some.num_rows, size)]
    apart = pa.concat_tables(parts)
    for name in whole.schema.names:
        one, other = whole[name].to_pylist(), apart[name].to_pylist()
        if pa.types.is_string(whole.schema.field(name).type) or name.endswith(".labels"):
            assert one == other, name
        else:
            first, second = (np.ravel(values).astype(float) for values in (one, other))
            np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6, err_msg=name)


def test_unseen_and_missing_values_are_scored_like_any_other(output: Path, rows: pa.Table) -> None:
    said = rows.slice(0, 2).to_pylist()
    said[0] |= {"word": "never seen", "the colour": "blue", "words": ["never seen"], "age": None}
    said[1] |= {"word": None, "the colour": None, "words": None, "story": [], "price": None}
    scores = Scorer(output / "model" / "model.onnx").score(pa.Table.from_pylist(said))
    for name in ("label.scores", "tags.scores", "bought.score", "amount.value", "visits.value"):
        assert np.isfinite(np.ravel(scores[name].to_pylist())).all(), name


def test_the_second_run_redoes_nothing_but_the_scores(output: Path) -> None:
    before = {n: (output / n / "manifest.json").stat().st_mtime_ns for n in ("data", "run")}
    done = command(output)
    assert done.returncode == 0, done.stderr
    assert before == {n: (output / n / "manifest.json").stat().st_mtime_ns for n in before}


def test_the_model_needs_only_its_own_folder(output: Path, tmp_path: Path, rows: pa.Table) -> None:
    shutil.copytree(output / "model", tmp_path / "moved")
    moved = Scorer(tmp_path / "moved" / "model.onnx").score(rows.slice(0, 5))
    assert moved.equals(Scorer(output / "model" / "model.onnx").score(rows.slice(0, 5)))


def test_the_model_knows_how_its_training_rows_were_spread(output: Path, spec: Spec) -> None:
    """What travelled from prepare to the file is what prepare found, of every input."""
    said = json.loads((output / "run" / "statistics.json").read_text())["distributions"]
    known = Scorer(output / "model" / "model.onnx").metadata.training
    assert list(known) == list(spec.inputs)
    for name, one in known.items():
        kept = said[name] | {key: one[key] for key in ("top", "unlisted") if key in one}
        own = {key: one[key] for key in ("column", "length", "unknown") if key in one}
        assert one == kept | own
        assert all(pair in said[name]["top"] for pair in one.get("top", []))
    to = output / "drift.csv"
    model, rows = output / "model" / "model.onnx", output / "rows.parquet"
    # Seven tenths of these rows are the training rows.
    limits = ("--fail-on-drift", "--infinity-norm", "0.05")
    score.run(words("--model", model, "--input", rows, "--output", to, *limits))
    distances = json.loads(to.with_name("drift.csv.drift.json").read_text())["distances"]
    assert {one["of"] for one in distances} == set(spec.inputs)


def test_a_missing_column_ends_the_scoring_with_its_name(output: Path, tmp_path: Path) -> None:
    rows = pq.read_table(output / "rows.parquet").drop_columns(["words", "age"])
    pq.write_table(rows, tmp_path / "rows.parquet")
    model, to = output / "model" / "model.onnx", tmp_path / "scores.parquet"
    line = words("-m", "serving.score", "--model", model, "--input", tmp_path / "rows.parquet")
    line += words("--output", to)
    done = subprocess.run([sys.executable, *line], capture_output=True, text=True)
    assert done.returncode == 2
    assert "'words'" in done.stderr and "'age'" in done.stderr
    assert "Traceback" not in done.stderr and not to.exists()


def test_the_log_names_the_engine_and_phases_are_in_the_history(output: Path) -> None:
    shutil.rmtree(output / "data")
    done = command(output, "--stages", "prepare")
    assert "FnApiRunner" in done.stderr + done.stdout
    history = (output / "run" / "history.jsonl").read_text().splitlines()
    blocks = [phase["block"] for line in history for phase in json.loads(line).get("phases", [])]
    assert set(blocks) == {"common"}
