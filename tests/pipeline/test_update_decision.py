"""When a new version is published: what its heads' figures allow."""

import pytest

from pipeline.failures import Exit, Failure
from pipeline.updating.decision import allowed, judged, reasons

KINDS = {"y": "binary", "amount": "regression"}


def figures(
    a: float, b: float, interval: tuple[float, float] | None, metric: str = "log_loss"
) -> dict[str, dict[str, object]]:
    return {metric: {"a": a, "b": b, "difference": b - a, "interval": interval}}


def refused(before: float, after: float, interval: tuple[float, float] | None, *may: str) -> bool:
    heads = {"y": figures(before, after, interval)}
    return bool(reasons(judged(heads, KINDS, allowed(may))))


def test_a_head_may_lose_a_share_of_its_loss() -> None:
    assert not refused(0.5, 0.4, (-0.15, -0.05))
    assert not refused(0.5, 0.504, (-0.001, 0.009))  # 0.8 % within noise
    assert refused(0.5, 0.51, (-0.01, 0.03))  # 2 %
    assert not refused(0.5, 0.51, (-0.01, 0.03), "0.03")
    assert not refused(0.5, 0.51, (-0.01, 0.03), "y=0.03")
    assert refused(0.5, 0.51, (-0.01, 0.03), "0.03", "y=0")


def test_a_head_that_has_surely_lost_may_not_have_lost_more_than_it_may() -> None:
    assert refused(0.5, 0.504, (0.001, 0.007))  # 0.2 % to 1.4 %
    assert not refused(0.5, 0.504, (0.003, 0.005))  # 0.6 % to 1.0 %


def test_without_an_interval_the_difference_alone_counts() -> None:
    assert not refused(0.5, 0.504, None)
    assert refused(0.5, 0.51, None)


def test_the_reason_says_what_would_let_it_pass() -> None:
    heads = {"y": figures(0.5, 0.51, (-0.01, 0.0301))}
    (why,) = reasons(judged(heads, KINDS, allowed([])))
    assert why == (
        "y: log loss 0.5000, now 0.5100, 2.0% worse (-2.0% to +6.0%), where it may lose 1.0% "
        "(--may-lose y=0.061 lets it pass)"
    )
    assert not reasons(judged(heads, KINDS, allowed(["y=0.061"])))


def test_each_head_is_judged_by_what_its_training_lowers() -> None:
    heads = {"amount": figures(10, 9, (-2, 0), "root_mean_squared_error")}
    found = judged(heads, KINDS, allowed([]))["amount"]
    assert (found["metric"], found["change"]) == ("root_mean_squared_error", pytest.approx(-0.1))


@pytest.mark.parametrize("said", ["much", "-1", "y=", "nan", "inf"])
def test_a_share_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(Failure) as failed:
        allowed([said])
    assert failed.value.exit_code == Exit.USAGE


def test_a_head_that_is_not_there_is_refused() -> None:
    with pytest.raises(Failure, match=r"one of \['y'\]\. Received: z"):
        judged({"y": figures(1, 1, None)}, KINDS, allowed(["z=0.1"]))
