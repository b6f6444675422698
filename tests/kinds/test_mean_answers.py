"""`answer: mean` of a regression on a log scale: the mean of its answers is that of the targets."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_data import tiny_data, tiny_spec

from kinds.heads.any.metrics import Scale
from kinds.heads.regression.network import to_the_mean
from trainer.data_folder import read_data
from trainer.evaluation import gather_results, results_step, shift_biases
from trainer.run import open_run
from trainer.task import run


@pytest.mark.parametrize("mean", [3.0, 0.0])
def test_of_a_lognormal_spread_it_is_half_the_variance(mean: float) -> None:
    """E exp(m + s z) = exp(m + s² / 2), where numbers are so large that log(1 + x) is log(x).
    Around 0 there is no formula, but the means must agree, whatever the signs are."""
    scale = Scale(mean=4 * mean, std=0.5, log=True)
    target = np.random.default_rng(0).normal(size=200_000)
    rows = {"target": target, "value": np.zeros_like(target), "weight": np.ones_like(target)}
    shift = to_the_mean(scale, rows)
    assert scale.restore(rows["value"] + shift).mean() == pytest.approx(
        scale.restore(target).mean(), rel=1e-6, abs=1e-6
    )
    if mean:
        assert shift == pytest.approx(0.5 / 2, abs=0.01)


@pytest.mark.parametrize("answer", ["learned", "mean"])
def test_the_answers_of_a_run_have_the_mean_of_the_targets(answer: str, tmp_path: Path) -> None:
    said = {"{kind: regression}": f"{{kind: regression, scale: log, answer: {answer}}}"}
    spec = tiny_spec(replace=said)
    data = read_data(tiny_data(tmp_path / "data", spec=spec))
    made = open_run(data, spec)[0]
    before = made.network.heads["left"].bias.numpy()
    shift_biases(made)
    assert (made.network.heads["left"].bias.numpy() == before).all() == (answer == "learned")
    rows = gather_results(results_step(made), made.batches("eval"), made.rows("eval"), "")["left"]
    own = [
        np.average(made.scales["left"].restore(rows[name]), weights=rows["weight"])
        for name in ("value", "target")
    ]
    assert (own[0] == pytest.approx(own[1], rel=1e-4)) == (answer == "mean")


def test_a_published_run_has_them(tmp_path: Path) -> None:
    errors = {}
    for answer in ("learned", "mean"):
        said = {"{kind: regression}": f"{{kind: regression, scale: log, answer: {answer}}}"}
        folder = tiny_data(tmp_path / answer, spec=tiny_spec(replace=said))
        run(["--data", str(folder), "--output", str(tmp_path / f"{answer} run")])
        metrics = json.loads((tmp_path / f"{answer} run" / "metrics.json").read_text())
        errors[answer] = metrics["eval"]["left"]["root_mean_squared_error"]
    assert errors["mean"] < errors["learned"]
