"""The verdict: who wins on each head, what to use instead, and the reasons that the rows give."""

from typing import Any

from pipeline.folders.prepared import Statistics
from trainer.reporting.verdict import verdict

CONSTANT, GIVEN = {"log_loss": 6.0, "accuracy@10": 0.1}, {"log_loss": 4.0, "accuracy@10": 0.5}
PLENTY = Statistics(rows={"train": 500_000}, labels={"next": {"entries": 1_000}})


def said(model: dict[str, Any], known: Statistics = PLENTY, **baselines: Any) -> str:
    metrics = {
        "eval": {"next": {"targets": 1_000, **model}},
        "baselines": {
            "next": {
                "constant": {"eval": CONSTANT},
                "strongest_input": {"input": "word", "eval": GIVEN},
                **baselines,
            }
        },
    }
    (line,) = verdict(metrics, {"next": "classification"}, known)
    return line


def test_the_model_that_wins_is_said_to_win() -> None:
    assert said({"log_loss": 3.0, "accuracy@10": 0.6}) == (
        "next: log loss 3 on eval, a constant 6, counts given word 4: the model is the best"
    )


def test_a_loss_that_chance_may_have_made_is_said_to_be_such() -> None:
    metrics: dict[str, Any] = {
        "eval": {"next": {"targets": 1_000, "log_loss": 4.1}},
        "intervals": {"eval": {"next": {"log_loss": [3.9, 4.3]}}},
        "baselines": {"next": {"strongest_input": {"input": "word", "eval": GIVEN}}},
    }
    kinds = {"next": "classification"}
    said_of = "Why it may be: chance, the 95 % interval of 3.9 to 4.3 holds both."
    assert verdict(metrics, kinds, PLENTY)[0].endswith(said_of)
    metrics["intervals"]["eval"]["next"]["log_loss"] = [4.05, 4.2]
    assert "chance" not in verdict(metrics, kinds, PLENTY)[0]


def test_a_rare_answer_is_named_as_a_reason() -> None:
    found = {"log_loss": 0.07}, {"log_loss": 0.06}
    baselines = {"constant": {"eval": found[1]}}
    metrics: dict[str, Any] = {
        "eval": {"left": {"targets": 500, **found[0]}},
        "baselines": {"left": baselines},
    }
    for yes in (0.01, 0.99):
        heads = {"left": {"train": {"targets": 5_000, "positive": yes}}}
        known = Statistics(rows={"train": 5_000}, heads=heads)
        (line,) = verdict(metrics, {"left": "binary"}, known)
        assert line.endswith("Why it may be: too few rows of the rarer answer, 50.")


def test_what_wins_instead_is_named() -> None:
    assert said({"log_loss": 5.0, "accuracy@10": 0.3}) == (
        "next: log loss 5 on eval, a constant 6, counts given word 4. The model does not win in "
        "log loss (5 against 4), accuracy@10 (0.3 against 0.5): use counts given word."
    )
    worse_in_rank = said({"log_loss": 3.0, "accuracy@10": 0.3})
    assert "the model is the best, but not in accuracy@10 (0.3 against 0.5)" in worse_in_rank


def test_a_part_that_is_better_than_the_whole_model_is_named_behind_what_it_wins() -> None:
    losses = {"the network": 3.5, "all memories": 2.5, "together": 3.0}
    memory = {"parts": {name: {"log_loss": loss} for name, loss in losses.items()}}
    metrics: dict[str, Any] = {
        "eval": {"next": {"targets": 1_000, "log_loss": 3.0}},
        "baselines": {"next": {"constant": {"eval": CONSTANT}}},
        "memory": {"next": {**memory, "worse_than": "all memories"}},
    }
    assert verdict(metrics, {"next": "classification"}, PLENTY) == [
        "next: log loss 3 on eval, a constant 6: the model is the best. "
        "Better still: all memories alone, log loss 2.5 against 3 on half of eval"
    ]
    for change in (
        {"worse_than": None},
        {"parts": {**memory["parts"], "together": memory["parts"]["all memories"]}},
    ):
        metrics["memory"]["next"] = {**memory, "worse_than": "all memories", **change}
        (line,) = verdict(metrics, {"next": "classification"}, PLENTY)
        assert line.endswith("the model is the best")


def test_a_difference_within_chance_is_not_told() -> None:
    """Of 1,000 rows the standard error of a half is 0.016."""
    assert said({"log_loss": 3.0, "accuracy@10": 0.49}).endswith("the model is the best")
    assert "accuracy@10" in said({"log_loss": 3.0, "accuracy@10": 0.48})


def test_any_other_baseline_is_compared_too() -> None:
    memory = {"eval": {"log_loss": 2.0, "accuracy@10": 0.7}}
    assert "use memory." in said({"log_loss": 3.0, "accuracy@10": 0.6}, memory=memory)


def test_reasons_are_what_the_rows_say() -> None:
    known = Statistics(
        rows={"train": 3_000},
        labels={"next": {"entries": 1_000}},
        heads={"next": {"train": {"out_of_vocabulary": 0.0}, "eval": {"out_of_vocabulary": 0.5}}},
        inputs={"word": {"train": {"out_of_vocabulary": 0.1}, "eval": {"out_of_vocabulary": 0.12}}},
        leaks={"examples": {"eval": {"in_train": 30, "compared": 1_000}}},
    )
    line = said({"log_loss": 5.0, "accuracy@10": 0.3}, known)
    assert line.endswith(
        "Why it may be: too few rows, 3,000 for 1,000 labels; drift between the splits, 50 % of "
        "the targets on eval are not in train; a leak, 30 of 1,000 rows on eval are in train, too."
    )
    given_away = {"eval": {"log_loss": 0.1}, "input": "answer"}
    line = said({"log_loss": 5.0, "accuracy@10": 0.6}, other=given_away)
    assert line.endswith("a leak, as counts given answer alone nearly give the target.")


def test_of_lists_the_targets_count_not_the_rows() -> None:
    """Each element of a list is learned from."""

    def known(targets: int) -> Statistics:
        shares = {"train": {"targets": targets, "out_of_vocabulary": 0.0}}
        return Statistics(
            rows={"train": 3_000}, labels={"next": {"entries": 1_000}}, heads={"next": shares}
        )

    worse = {"log_loss": 5.0, "accuracy@10": 0.3}
    assert "too few targets, 9,000 for 1,000 labels." in said(worse, known(9_000))
    assert "too few" not in said(worse, known(20_000))


def test_of_few_held_out_targets_a_line_says_so() -> None:
    model = {"log_loss": 3.0, "accuracy@10": 0.6}
    few = said({**model, "targets": 6})
    assert few.startswith("next: log loss 3 on eval (of 6 targets only, too few to be sure), a con")
    assert "few" not in said({**model, "targets": 100})
