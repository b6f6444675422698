"""When phases come follows from the plan and the epochs done, and from nothing else."""

import pytest

from pipeline.spec.file import parse_spec
from trainer.phases.schedule import PhasePlan, frozen_blocks, phase_plans, timeline

SPEC = """
name: words
vocabularies: {{word: {{}}, label: {{}}}}
shared: {{common: {block}}}
inputs: {{word: {{kind: category, vocabulary: word, through: common}}}}
heads: {{label: {{kind: classification, vocabulary: label}}}}
split: {{by: hash, columns: [word]}}
"""


def plan_of(block: str) -> PhasePlan:
    [plan] = phase_plans(parse_spec(SPEC.format(block=block)))
    return plan


@pytest.mark.parametrize(
    ("phases", "epochs", "letters"),
    [
        ("{every: 2}", 6, "eePeePee"),
        ("{every: 1}", 3, "ePePe"),
        ("{every: 3, start: 1}", 8, "ePeeePeeePe"),
        ("{every: 9}", 4, "eeee"),
        ("{every: 4}", 4, "eeee"),
    ],
)
def test_the_line_of_letters_is_the_plan(phases: str, epochs: int, letters: str) -> None:
    assert timeline(plan_of(f"{{units: 8, phases: {phases}}}"), epochs) == letters


def test_the_last_epoch_is_an_ordinary_one_always() -> None:
    for every in range(1, 6):
        for epochs in range(1, 12):
            plan = plan_of(f"{{units: 8, phases: {{every: {every}}}}}")
            assert timeline(plan, epochs).endswith("e")
            assert timeline(plan, epochs).count("e") == epochs


def test_a_matrix_rests_between_phases_and_a_network_learns_on() -> None:
    matrix = plan_of("{units: 8, phases: {every: 2}}")
    network = plan_of("{layers: [8, 4], phases: {every: 2}}")
    assert (matrix.frozen, matrix.method) == (True, "kfac")
    assert (network.frozen, network.method) == (False, "lbfgs")
    assert frozen_blocks([matrix]) == {"common"}
    assert frozen_blocks([network]) == set()


def test_what_the_spec_says_goes_before_the_defaults() -> None:
    said = "{units: 8, phases: {every: 2, between: joint, method: steps, rows: all, accept: train}}"
    plan = plan_of(said)
    assert (plan.frozen, plan.method, plan.rows, plan.holdout) == (False, "steps", None, False)


def test_a_block_without_phases_has_no_plan() -> None:
    assert phase_plans(parse_spec(SPEC.format(block="{units: 8}"))) == ()
