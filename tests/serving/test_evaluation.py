"""Metrics of the file that ships are those of the trainer on the same rows."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from small_run import LABELS, TAGS, exported, small_rows

from kinds.columns import cast
from kinds.heads.any.metrics import CALIBRATION_BINS, Metrics, Totals, measured
from kinds.heads.classification.network import loss_and_rank
from kinds.heads.metrics import KINDS
from kinds.heads.multilabel.network import hits_and_labels
from pipeline.failures import Exit, Failure
from pipeline.fields import fields_of
from serving import score
from serving.exporting import trained_run
from serving.exporting.reference import Reference
from serving.scoring import batches

ROWS = 300


@functools.cache
def rows_with_targets() -> pa.Table:
    """Targets of every sort: known labels, others, the empty one, missing ones."""
    draw = np.random.default_rng(8)
    rows = small_rows(ROWS).drop_columns(["next", "tags", "ends", "left", "many"])
    labels = np.array([*LABELS, "unheard of", None], dtype=object)
    sets = [draw.choice([*TAGS, "unknown"], draw.integers(0, 4)).tolist() for _ in range(ROWS)]
    sets[7] = None
    numbers = draw.normal(20, 9, ROWS)
    numbers[3] = np.nan
    return pa.table(
        {
            **{name: rows.column(name) for name in rows.schema.names},
            "next": pa.array(draw.choice(labels, ROWS).tolist(), pa.string()),
            "tags": pa.array(sets, pa.list_(pa.string())),
            "ends": pa.array(draw.choice(np.array(["yes", "no", None], object), ROWS).tolist()),
            "left": pa.array(numbers),
            "many": pa.array(draw.poisson(2, ROWS)),
        }
    )


@functools.cache
def evaluated(folder: Path) -> dict[str, Any]:
    return evaluate(folder, rows_with_targets())


def evaluate(folder: Path, rows: pa.Table, *more: str) -> dict[str, Any]:
    source, output = folder / "rows.parquet", folder / "scores.jsonl"
    pyarrow.parquet.write_table(rows, source)
    model = exported() / "model" / "model.onnx"
    words = ["--model", model, "--input", source, "--output", output, "--evaluate", *more]
    score.run([str(word) for word in words])
    metrics: dict[str, Any] = json.loads((folder / "scores.jsonl.metrics.json").read_text())
    return metrics


@pytest.fixture(scope="module")
def got(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return evaluated(tmp_path_factory.mktemp("evaluation"))


@functools.cache
def keras_outputs() -> dict[str, np.ndarray]:
    """What Keras says of the same rows."""
    run = trained_run.TrainedRun(exported() / "run")
    fields = fields_of(run.spec)
    (batch,) = rows_with_targets().combine_chunks().to_batches()
    typed, good, _ = cast(batch, fields.of_inputs())
    assert len(good) == ROWS
    reference = Reference(run.transform_graph, run.model, fields.raw(), trained_run.padding(run))
    return reference.outputs(reference.features(typed))


def column(name: str) -> list[Any]:
    values: list[Any] = rows_with_targets().column(name).to_pylist()
    return values


def measured_by_the_trainer(kind: str, **rows: np.ndarray) -> Metrics:
    (count,) = {len(values) for values in rows.values()}
    return measured(KINDS[kind].add, rows, np.ones(count))


def agree(found: dict[str, float], expected: dict[str, float]) -> None:
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_a_classification_as_the_trainer_measures_it(got: dict[str, Any]) -> None:
    there = [at for at, label in enumerate(column("next")) if label is not None]
    ids = [LABELS.index(x) if x in LABELS else len(LABELS) for x in column("next") if x is not None]
    logits = keras_outputs()["next"][there]
    loss, rank = (np.asarray(x, np.float64) for x in loss_and_rank(logits, np.array(ids, np.int32)))
    assert np.isinf(rank).any()
    agree(got["next"], measured_by_the_trainer("classification", loss=loss, rank=rank))
    assert got["next"]["targets"] == len(there)


def test_label_sets_as_the_trainer_measures_them(got: dict[str, Any]) -> None:
    there = [at for at, labels in enumerate(column("tags")) if labels is not None]
    sets = [
        sorted({TAGS.index(x) for x in s if x in TAGS}) for s in column("tags") if s is not None
    ]
    padded = np.array([s + [-2] * (3 - len(s)) for s in sets], np.int32)
    logits = keras_outputs()["tags"][there]
    results = {k: np.asarray(v, np.float64) for k, v in hits_and_labels(logits, padded).items()}
    results["hits"] = np.pad(results["hits"], ((0, 0), (0, 7)))
    results["loss"] = np.logaddexp(0, logits).sum(1) - [
        row[s].sum() for row, s in zip(logits, sets, strict=True)
    ]
    agree(got["tags"], measured_by_the_trainer("multilabel", **results))


def test_a_flag_as_the_trainer_measures_it(got: dict[str, Any]) -> None:
    there = [at for at, value in enumerate(column("ends")) if value is not None]
    target = np.array([float(x == "yes") for x in column("ends") if x is not None])
    scores = keras_outputs()["ends"][there].astype(np.float64)
    logits = np.log(scores / (1 - scores))
    expected = measured_by_the_trainer("binary", value=logits, target=target)
    # Near 1 a float32 score has few digits left, and Keras and onnxruntime differ in the last.
    assert got["ends"]["log_loss"] == pytest.approx(expected["log_loss"], rel=1e-3)
    assert got["ends"]["accuracy"] == pytest.approx(expected["accuracy"])
    assert got["ends"]["auc"] == pytest.approx(expected["auc"], abs=1e-3)


def test_numbers_and_counts_as_the_trainer_measures_them(got: dict[str, Any]) -> None:
    left, many = np.array(column("left")), np.array(column("many"), np.float64)
    known = ~np.isnan(left)
    outputs = {name: values.astype(np.float64) for name, values in keras_outputs().items()}
    values = {"value": outputs["left"][known], "target": left[known]}
    agree(got["left"], measured_by_the_trainer("regression", **values))
    agree(got["many"], measured_by_the_trainer("count", value=outputs["many"], target=many))
    assert got["left"]["targets"] == ROWS - 1


def test_calibration_is_the_mean_gap_between_bins(got: dict[str, Any]) -> None:
    there = [at for at, label in enumerate(column("next")) if label is not None]
    logits = keras_outputs()["next"][there].astype(np.float64)
    shares = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True))[:, :-1]
    right = np.array([LABELS[x] for x in shares.argmax(1)]) == np.array(column("next"))[there]
    bins = np.floor(shares.max(1) * CALIBRATION_BINS)
    gap = sum(
        (bins == at).mean() * abs(shares.max(1)[bins == at].mean() - right[bins == at].mean())
        for at in np.unique(bins)
    )
    assert got["next"]["expected_calibration_error"] == pytest.approx(gap, rel=1e-4)


def test_metrics_do_not_depend_on_how_the_rows_are_read(
    tmp_path: Path, got: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "READ_ROWS", 37)
    again = evaluate(tmp_path, rows_with_targets())
    for head, metrics in got.items():
        between, same = metrics.pop("intervals"), again[head].pop("intervals")
        assert again[head] == pytest.approx(metrics, rel=1e-5)
        assert same.keys() == between.keys()
        for metric, ends in between.items():
            assert same[metric] == pytest.approx(ends, rel=1e-4)


def test_only_heads_with_targets_are_measured(tmp_path: Path) -> None:
    rows = rows_with_targets().drop_columns(["tags", "left"])
    assert set(evaluate(tmp_path, rows)) == {"next", "ends", "many"}
    assert set(evaluate(tmp_path, rows, "--force", "--heads", "ends", "left")) == {"ends"}


def test_targets_that_do_not_fit_are_counted_and_their_rows_scored(tmp_path: Path) -> None:
    rows = rows_with_targets()
    texts = ["soon", *(["1.0"] * (ROWS - 1))]
    bad = rows.set_column(rows.schema.get_field_index("left"), "left", pa.array(texts))
    metrics = evaluate(tmp_path, bad)["left"]
    assert (metrics["targets"], metrics["unreadable"]) == (ROWS - 1, 1)
    assert len((tmp_path / "scores.jsonl").read_text().splitlines()) == ROWS


def test_targets_that_the_vocabulary_does_not_hold_are_counted_with_what_they_count_as(
    got: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = sum(label is not None and label not in LABELS for label in column("next"))
    assert unknown > 0 and got["next"]["unknown"] == unknown
    sets = [labels for labels in column("tags") if labels and not {*labels} <= {*TAGS}]
    assert got["tags"].get("unknown", 0) == len(sets)
    evaluate(tmp_path, rows_with_targets())
    line = f"next: {unknown} rows have a target that the vocabulary does not hold; it counts as one"
    assert line in capsys.readouterr().out
    assert "unknown" not in got["ends"]


def test_without_any_target_there_is_nothing_to_measure(tmp_path: Path) -> None:
    rows = rows_with_targets().select(["key", "word", "previous", "age", "size", "place"])
    with pytest.raises(Failure, match="targets of a head") as failure:
        evaluate(tmp_path, rows)
    assert failure.value.exit_code == Exit.USAGE


def test_sums_weigh_their_values() -> None:
    totals = Totals()
    totals.add_mean("loss", np.array([1.0, 4.0]), np.array([1.0, 2.0]))
    totals.add_mean("loss", np.array([10.0]), np.array([0.5]))
    assert totals.metrics()["loss"] == pytest.approx((1 + 8 + 5) / 3.5)
