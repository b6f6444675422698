"""The head `quantile`: formulas, quantiles that never cross, and all stages with it."""

import csv
import json
import math
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from chain import read_json, through_all_stages, words
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.made_up_rows import rows_for
from kinds.charts import Chart
from kinds.columns import Field, cast
from kinds.heads.any.metrics import Scale, TrainTargets, measured
from kinds.heads.any.network import LossRows, OutputLayer
from kinds.heads.guesses import Scored
from kinds.heads.metrics import below
from kinds.heads.quantile import metrics, network, show
from kinds.heads.quantile import score as scores
from kinds.heads.quantile.spec import Quantile
from kinds.heads.score import FileHead
from pipeline.failures import Failure
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from serving import ask, beam, export, report, score
from serving.exporting.hard_cases import hard_cases
from serving.scorer import Scorer
from trainer.data_folder import read_data
from trainer.network.trained_model import trained_model
from trainer.run import open_run
from trainer.training.warm_start import warm_start

SHARES = [0.1, 0.5, 0.9]
HEAD = FileHead("left", "quantile", Field("left", "number"), settings={"quantiles": SHARES})
NUMBERS = st.floats(-1e4, 1e4, width=32)

SPEC = """
name: quantiles
keys: [row]
vocabularies: {word: {size: 30}}
shared: {common: {units: 8, phases: {every: 4, method: kfac, rows: all}}}
inputs:
  word: {kind: category, vocabulary: word, embedding: 8, through: common}
  age: {kind: number}
  raw: {kind: number, scale: none}
trunk: {layers: [16]}
heads:
  left: {kind: quantile}
  fare: {kind: quantile, scale: log, quantiles: [0.25, 0.75], column: the fare}
  alone: {kind: quantile, scale: none, quantiles: [0.3], column: left}
split: {by: hash, columns: [row], eval: 0.2, test: 0.2}
training: {epochs: 12, batch_size: 32, learning_rate: 0.01, patience: null}
"""


def floats(values: Any) -> np.ndarray:
    return np.asarray(values, np.float32)


def cross(values: np.ndarray) -> bool:
    return bool((values[:, 1:] < values[:, :-1]).any())


def layer(part: Quantile, width: int, seed: int = 0) -> OutputLayer:
    draw, outputs = np.random.default_rng(seed), len(part.quantiles)
    kernel, bias = draw.normal(size=(outputs, width)), draw.normal(size=outputs)
    variables = (tf.Variable(floats(kernel)), tf.Variable(floats(bias)))
    return OutputLayer("left", part, *variables, None, tied=False)


@pytest.mark.parametrize(
    "quantiles", ["[]", "[0.5, 0.5]", "[0.9, 0.1]", "[0.0]", "[1.0]", "[.nan]", "[half]"]
)
def test_quantiles_that_do_not_rise_between_0_and_1_are_refused(quantiles: str) -> None:
    with pytest.raises(Failure, match=r"heads\.left"):
        parse_spec(
            SPEC.replace(
                "left: {kind: quantile}", f"left: {{kind: quantile, quantiles: {quantiles}}}"
            )
        )


def test_the_loss_is_the_mean_pinball_loss_and_its_gradient_that_of_finite_differences() -> None:
    part = Quantile()
    draw = np.random.default_rng(0)
    hidden, targets = floats(draw.normal(size=(5, 3))), floats(draw.normal(size=5) * 3)
    targets[2] = np.nan
    one = layer(part, 3)

    def by_formula(kernel: np.ndarray) -> float:
        z = hidden.astype(np.float64) @ kernel.T + one.bias.numpy()
        values = np.cumsum(np.concatenate([z[:, :1], np.logaddexp(0, z[:, 1:])], axis=1), axis=1)
        total = 0.0
        for row in (0, 1, 3, 4):
            for share, value in zip(SHARES, values[row], strict=True):
                error = targets[row] - value
                total += (share * error if error >= 0 else (share - 1) * error) / 3
        return float(total)

    rows = LossRows(tf.constant(targets), network.row_weights(tf.constant(targets), None))
    with tf.GradientTape() as tape:
        found = network.loss(one, tf.constant(hidden), rows)
    kernel = one.kernel.numpy().astype(np.float64)
    assert float(found.total) == pytest.approx(by_formula(kernel), rel=1e-5)
    gradient, step = tape.gradient(found.total, one.kernel).numpy(), 1e-6
    for at in np.ndindex(*kernel.shape):
        up, down = kernel.copy(), kernel.copy()
        up[at] += step
        down[at] -= step
        expected = (by_formula(up) - by_formula(down)) / (2 * step)
        assert gradient[at] == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_samples_of_the_pseudo_loss_have_the_fisher_information_of_asymmetric_laplace() -> None:
    part, width, rows = Quantile(quantiles=(0.05, 0.4, 0.8)), 4, 20_000
    one = layer(part, width)
    point = np.random.default_rng(1).normal(size=width)
    hidden = tf.tile(tf.constant(floats(point))[None], [rows, 1])
    with tf.GradientTape() as tape:
        tape.watch(hidden)
        roots, seed = tf.fill([rows], tf.sqrt(2.0)), tf.constant([3, 4])
        pseudo = network.pseudo_loss(one, hidden, roots, seed)
    samples = tape.gradient(pseudo, hidden).numpy().astype(np.float64)
    found = samples.T @ samples / rows

    def values(x: np.ndarray) -> np.ndarray:
        z = one.kernel.numpy().astype(np.float64) @ x + one.bias.numpy()
        return np.cumsum(np.append(z[:1], np.logaddexp(0, z[1:])))

    steps = 1e-6 * np.eye(width)
    slopes = np.array([(values(point + s) - values(point - s)) / 2e-6 for s in steps]).T
    # Below its place the likelihood of y has the share `share` of the mass and the slope 1 - share.
    shares = np.array(part.quantiles)
    information = shares * (1 - shares) ** 2 + (1 - shares) * shares**2
    expected = 2 * slopes.T @ np.diag(information / 3) @ slopes
    assert np.linalg.norm(found - expected) < 0.05 * np.linalg.norm(expected)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(NUMBERS, min_size=4, max_size=4), min_size=1, max_size=5),
    st.floats(-1e6, 1e6),
    st.floats(1e-6, 1e6),
    st.booleans(),
)
def test_quantiles_never_cross(
    logits: list[list[float]], mean: float, std: float, log: bool
) -> None:
    part = Quantile(quantiles=(0.1, 0.2, 0.5, 0.99))
    scale = Scale(mean, std, log)
    times, plus = network.unscaling(part, scale)
    given_logits = tf.constant(floats(floats(logits) * times + plus))
    values = np.asarray(network.output(part, given_logits, scale))
    assert values.shape == (len(logits), 4)
    assert not cross(values)
    on_scale = network.rising(tf.constant(floats(logits))).numpy()
    assert not cross(on_scale)


@pytest.mark.parametrize("log", [False, True])
def test_the_trained_model_gives_in_the_targets_unit_what_was_learned_on_its_scale(
    log: bool,
) -> None:
    part, scale = Quantile(), Scale(2.0, 0.5, log)
    logits = np.random.default_rng(2).normal(size=(50, 3))
    times, plus = network.unscaling(part, scale)
    values = np.asarray(network.output(part, tf.constant(floats(logits * times + plus)), scale))
    learned = network.rising(tf.constant(floats(logits))).numpy()
    np.testing.assert_allclose(values, scale.restore(learned), rtol=1e-4)


def test_it_starts_at_the_quantiles_of_the_train_targets() -> None:
    draw = np.random.default_rng(3)
    targets, weights = floats(draw.normal(size=999)), floats(draw.choice([0.0, 1.0, 2.0], 999))
    targets[::10] = np.nan
    columns = {"y": targets, "row.weight": weights}
    found = network.prior(Quantile(), TrainTargets("y", columns, 3, settings={}))
    start = network.rising(tf.constant(floats(found.bias)[None])).numpy()[0]
    known = ~np.isnan(targets)
    repeated = np.sort(np.repeat(targets[known], weights[known].astype(int)))
    expected = [np.quantile(repeated, share, method="inverted_cdf") for share in SHARES]
    np.testing.assert_allclose(start, expected, rtol=1e-5)
    above = repeated[:, None] - np.array(expected)
    lost = np.where(above > 0, SHARES * above, (np.array(SHARES) - 1) * above).mean()
    assert found.constant_loss == pytest.approx(lost, rel=1e-5)
    assert found.share == pytest.approx(weights[known].sum() / 999)


@pytest.mark.parametrize("targets", [[7.0] * 9, [0.0] * 9 + [1.0], [math.nan, 3.0]])
def test_targets_that_are_mostly_the_same_start_a_least_gap_apart(targets: list[float]) -> None:
    columns = {"y": floats(targets), "row.weight": np.ones(len(targets), np.float32)}
    found = network.prior(Quantile(), TrainTargets("y", columns, 3))
    assert np.isfinite(found.bias).all() and np.isfinite(found.constant_loss)
    assert (np.diff(network.rising(tf.constant(found.bias[None])).numpy()) > 0).all()


def test_quantiles_of_groups_are_those_of_each_group_alone() -> None:
    draw = np.random.default_rng(4)
    target, groups = draw.normal(size=400), draw.integers(0, 9, 400)
    groups[groups == 5] = 6
    found = metrics.group_quantiles(SHARES, target, np.ones(400), groups, 10)
    for group in range(10):
        own = target[groups == group]
        expected = np.quantile(own, SHARES, method="inverted_cdf") if len(own) else np.zeros(3)
        np.testing.assert_array_equal(found[group], expected)


def test_metrics_by_hand() -> None:
    values, target = np.array([[1.0, 2.0, 4.0], [0.0, 5.0, 6.0]]), np.array([2.0, 7.0])
    rows = {"value": values, "target": target}
    found = measured(metrics.add, rows, np.array([1.0, 3.0]), {"quantiles": SHARES})
    first = (0.1 * 1 + 0.0 + 0.1 * 2) / 3
    second = (0.1 * 7 + 0.5 * 2 + 0.9 * 1) / 3
    assert found["pinball_loss"] == pytest.approx((first + 3 * second) / 4)
    assert found["mean_absolute_error"] == pytest.approx(3 * 2 / 4)
    shares = {name: value for name, value in found.items() if "@" in name}
    assert shares == {"share_below@0.1": 0, "share_below@0.5": 0.25, "share_below@0.9": 0.25}


def test_baselines_are_quantiles_of_all_and_of_each_value() -> None:
    values = np.arange(4000) % 2
    target = np.where(values, 100.0, 0.0) + np.random.default_rng(5).normal(size=4000)
    columns = {"x": values, "y": floats(target), "row.weight": np.ones(4000, np.float32)}
    train = TrainTargets("y", columns, 3, settings={"quantiles": SHARES})
    found = metrics.baselines(train, {"eval": columns}, ["x"], Scale())
    constant, given_x = found.constant["eval"].metrics, found.strongest["eval"].metrics
    assert found.given == "x"
    assert constant["share_below@0.1"] == pytest.approx(0.1, abs=1e-3)
    assert constant["share_below@0.9"] == pytest.approx(0.9, abs=1e-3)
    assert given_x["pinball_loss"] < 0.1 * constant["pinball_loss"]
    assert given_x["share_below@0.9"] == pytest.approx(0.9, abs=0.03)


def differ(got: Any, expected: Any) -> float:
    arguments = {"left.values": floats(got)}, floats(expected), (), np.ones(len(got))
    return scores.difference(HEAD, *arguments).largest


def test_a_file_whose_quantiles_cross_or_differ_is_found_out() -> None:
    assert differ([[1, 2, 3]], [[1, 2, 3]]) == 0
    assert differ([[1, 2, 1.9999]], [[1, 2, 2]]) == np.inf
    assert differ([[1, 2]], [[1, 2, 3]]) == np.inf
    # 0.01 beside 1000 is what float32 sums leave.
    assert differ([[0.01, 5, 1000]], [[0, 5, 1000]]) == pytest.approx(1e-5)
    assert differ([[0.01, 0.5, 0.9]], [[0, 0.5, 0.9]]) == pytest.approx(1e-2)


def test_it_is_shown_with_its_quantiles() -> None:
    assert list(show.answer(HEAD, [[2.5, 7.125, 20.0]])) == ["left  0.1: 2.5  0.5: 7.125  0.9: 20"]
    targets = pa.array([3.0, math.nan, 30.0], pa.float32())
    outputs = [pa.array([[2.5, 7.0, 20.0]] * 3, pa.list_(pa.float32()))]
    found = list(show.guesses(HEAD, targets, outputs))
    assert [(one.row, one.answers) for one in found] == [
        (0, (("2.5 … 7 … 20", None),)),
        (2, (("2.5 … 7 … 20", None),)),
    ]
    (chart,) = show.figures(Scored(HEAD, targets, outputs, found, {}))
    assert isinstance(chart, Chart)
    assert chart.series[0].points == [(0.1, 0.0), (0.5, 0.5), (0.9, 0.5)]


def test_the_best_share_is_the_stated_one() -> None:
    assert metrics.shortfall("share_below@0.1", 0.1) < metrics.shortfall("share_below@0.1", 0.0)
    own = {"share_below@0.9": 0.85, "pinball_loss": 1.0}
    others = [{"share_below@0.9": 0.99, "pinball_loss": 0.5}]
    assert below("quantile", own, others) == ["pinball_loss"]


@pytest.fixture(scope="module")
def spec() -> Spec:
    return parse_spec(SPEC)


@pytest.fixture(scope="module")
def rows(spec: Spec) -> pa.Table:
    return rows_for(spec, 4000, seed=7)


@pytest.fixture(scope="module")
def output(spec: Spec, rows: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return through_all_stages(spec, rows, tmp_path_factory.mktemp("quantile") / "out")


def test_learned_quantiles_cover_what_they_state(output: Path, spec: Spec) -> None:
    """Of some 800 held-out rows: a deviation is 0.018 at most, and the model has one of its own."""
    found = read_json(output / "run" / "metrics.json")
    for head, part in spec.heads.items():
        of_test = found["test"][head]
        for share in part.in_file()["quantiles"]:
            assert of_test[f"share_below@{share}"] == pytest.approx(share, abs=0.08), head
        constant = found["baselines"][head]["constant"]["test"]["pinball_loss"]
        assert of_test["pinball_loss"] < 0.85 * constant, head


def test_the_file_gives_lists_that_rise_for_every_row(output: Path, rows: pa.Table) -> None:
    written = pq.read_table(output / "scores.parquet")
    assert written.schema.field("left.values").type == pa.list_(pa.float32())
    scorer = Scorer(output / "model" / "model.onnx")
    fields = scorer.metadata.fields
    typed, _, _ = cast(rows.slice(0, 500).combine_chunks().to_batches()[0], fields)
    cases = hard_cases(typed, fields, {})
    assert len(cases) > 5
    for name, hard in cases.items():
        found = scorer.score_typed(hard)
        for head, count in (("left", 3), ("fare", 2), ("alone", 1)):
            values = np.array(found[f"{head}.values"].to_pylist())
            assert values.shape == (hard.num_rows, count), name
            assert not cross(values), name


def test_the_certificate_holds(output: Path) -> None:
    certificate = read_json(output / "model" / "certificate.json")
    assert set(certificate["largest_differences"]["heads"]) == {"left", "fare", "alone"}
    assert max(certificate["largest_differences"]["heads"].values()) < 1e-5
    card = (output / "model" / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: tabular-regression" in card
    assert "| left | quantile | left.values | - |" in card


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_it_is_evaluated_as_the_trainer_does_and_written_as_text(
    output: Path, rows: pa.Table, suffix: str
) -> None:
    to, model = output / f"evaluated.{suffix}", output / "model" / "model.onnx"
    line = words("--model", model, "--input", output / "rows.parquet", "--output", to)
    score.run([*line, "--evaluate"])
    found = json.loads(to.with_name(to.name + ".metrics.json").read_text())["left"]
    whole = pq.read_table(output / "scores.parquet")
    values = np.array(whole["left.values"].to_pylist())
    target = np.array(rows["left"].to_pylist(), np.float64)
    known = ~np.isnan(target)
    expected = {"value": values[known], "target": target[known].astype(np.float32)}
    settings = {"quantiles": SHARES}
    by_hand = measured(metrics.add, expected, np.ones(known.sum()), settings)
    assert {name: found[name] for name in by_hand} == pytest.approx(by_hand, rel=1e-6)
    with to.open(encoding="utf-8", newline="") as file:
        first = next(iter(csv.DictReader(file) if suffix == "csv" else map(json.loads, file)))
    said = first["left.values"]
    assert (json.loads(said) if suffix == "csv" else said) == pytest.approx(values[0], rel=1e-6)


def test_in_long_form_each_quantile_is_a_rank(output: Path) -> None:
    to, model = output / "long.parquet", output / "model" / "model.onnx"
    line = words("--model", model, "--input", output / "rows.parquet", "--output", to)
    score.run([*line, "--heads", "left", "--long"])
    found = pq.read_table(to).slice(0, 3).to_pylist()
    assert [(row["head"], row["rank"], row["label"]) for row in found] == [
        *(("left", 1, "0.1"), ("left", 2, "0.5"), ("left", 3, "0.9"))
    ]


def test_beam_gives_the_same_lists(output: Path, rows: pa.Table) -> None:
    few = output / "few.parquet"
    pq.write_table(rows.slice(0, 20), few)
    line = words("--model", output / "model" / "model.onnx", "--input", few)
    beam.run([*line, *words("--output", output / "by_beam", "--shards", "1")])
    (made,) = output.glob("by_beam-*.parquet")
    expected = pq.read_table(output / "scores.parquet").slice(0, 20)
    got, wanted = (np.array(t["left.values"].to_pylist()) for t in (pq.read_table(made), expected))
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_ask_and_the_report_show_all_quantiles(output: Path) -> None:
    scorer = Scorer(output / "model" / "model.onnx")
    lines = ask.answer(scorer, {"word": "word1", "age": "40"}).splitlines()
    assert [line.split()[::2][0] for line in lines] == ["left", "fare", "alone"]
    assert [word for word in lines[1].split() if word.endswith(":")] == ["0.25:", "0.75:"]
    made = words("--run", output / "run", "--model", output / "model" / "model.onnx")
    report.run([*made, "--output", str(output / "report.html")])
    text = (output / "report.html").read_text(encoding="utf-8")
    assert "left: stated and found" in text and "share below@0.9" in text


def test_the_page_shows_each_quantile(tmp_path: Path) -> None:
    element = "const element = (tag, text, ...children) => (text ?? '') + children.join('');"
    shown = f"({show.script().read_text(encoding='utf-8')})"
    head = json.dumps({"settings": {"quantiles": SHARES}})
    program = f"{element}\nconst shown = {shown};\nconsole.log(shown([[2.5, 7, 20]], {head}));"
    (tmp_path / "shown.js").write_text(program, encoding="utf-8")
    try:
        done = subprocess.run(["node", tmp_path / "shown.js"], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("node is not installed")
    assert done.stdout.strip() == "0.1: 2.5000.5: 7.0000.9: 20.00"


def test_it_goes_into_a_model_repository(output: Path) -> None:
    to = output / "triton"
    export.run(words("--run", output / "run", "--output", to, "--profile", "triton"))
    text = (to / "quantiles" / "config.pbtxt").read_text(encoding="utf-8")
    assert 'name: "left.values" data_type: TYPE_FP32 dims: [ -1, -1 ]' in text


def test_phases_move_the_shared_weights(output: Path) -> None:
    lines = (output / "run" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    phases = [phase for line in lines for phase in json.loads(line).get("phases", [])]
    assert phases[0]["accepted"] and phases[0]["objective"][1] < phases[0]["objective"][0]


def test_a_run_that_starts_from_another_predicts_as_that_one(output: Path, spec: Spec) -> None:
    earlier = keras.saving.load_model(output / "run" / "model.keras", compile=False)
    run, _ = open_run(read_data(output / "data"), spec)
    warm_start(run, output / "run")
    model = trained_model(run.network, temperatures={}, scales=run.scales)
    batch = next(iter(run.batches("eval")))
    expected, found = earlier(batch.features), model(batch.features)
    for head in spec.heads:
        np.testing.assert_allclose(found[head], expected[head], rtol=1e-4, atol=1e-4)


def test_quantiles_may_change_without_preparing_anew(spec: Spec) -> None:
    prepared: Sequence[str] = sorted(Quantile.PREPARED)
    assert prepared == ["format", "kind", "scale"]
