"""Decides whether a new version is published: no head may have become worse than is allowed.

A head is judged by the metric that its training lowers, on the same held-out rows of both files.
It is refused where that has grown by more than it may; and where it has surely grown, by an
interval that leaves 0 out, and may have by more than that.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from kinds.heads.metrics import KINDS
from pipeline.failures import Exit, Failure

MAY_LOSE = 0.01
EVERY = ""


def allowed(said: Sequence[str]) -> dict[str, float]:
    """What heads may lose, as shares: of all by a number alone, of one by HEAD=SHARE.

    >>> allowed(["0.02", "likes=0.1"])
    {'': 0.02, 'likes': 0.1}
    """
    found = {EVERY: MAY_LOSE}
    for one in said:
        head, _, share = one.rpartition("=")
        try:
            found[head] = float(share)
        except ValueError:
            found[head] = math.nan
        if not 0 <= found[head] < math.inf:
            rule = "--may-lose must be a share from 0 on, such as 0.02, or one head's: HEAD=0.02"
            raise Failure(Exit.USAGE, rule, received=one)
    return found


def judged(
    heads: Mapping[str, Mapping[str, Any]], kinds: Mapping[str, str], may_lose: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
    """{head: what decides}: the metric, before and after, how much it has grown as a share of what
    it was, with its interval, and whether that is too much.

    `heads` has {metric: {a, b, difference, interval}} by head, as serving.compare writes it.
    """
    if unknown := [head for head in may_lose if head != EVERY and head not in heads]:
        rule = f"--may-lose must name a head, one of {sorted(heads)}"
        raise Failure(Exit.USAGE, rule, received=unknown[0])
    return {
        head: _judged(found, kinds[head], may_lose.get(head, may_lose[EVERY]))
        for head, found in heads.items()
    }


def _judged(found: Mapping[str, Any], kind: str, may_lose: float) -> dict[str, Any]:
    metric = KINDS[kind].loss()
    if metric not in found:
        return {"metric": metric, "may_lose": may_lose, "refused": False, "metrics": dict(found)}
    one = found[metric]
    change, before = one["difference"], abs(one["a"]) or math.inf
    interval = one["interval"]
    said = {
        "metric": metric,
        "before": one["a"],
        "after": one["b"],
        "change": change / before,
        "interval": None if interval is None else [end / before for end in interval],
        "may_lose": may_lose,
    }
    low, high = said["interval"] or (said["change"], said["change"])
    said["refused"] = said["change"] > may_lose or (low > 0 and high > may_lose)
    return said | {"metrics": dict(found)}


def reasons(heads: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Why a version is not published, head by head; none where it is."""
    return [_reason(head, one) for head, one in heads.items() if one["refused"]]


def _reason(head: str, one: Mapping[str, Any]) -> str:
    metric, may_lose = one["metric"].replace("_", " "), one["may_lose"]
    what = (
        f"{head}: {metric} {one['before']:.4f}, now {one['after']:.4f}, {one['change']:.1%} worse"
    )
    low, high = one["interval"] or (one["change"], one["change"])
    between = f" ({low:+.1%} to {high:+.1%})" if one["interval"] else ""
    passing = _up(max(one["change"], high))
    allowed = f"where it may lose {may_lose:.1%} (--may-lose {head}={passing} lets it pass)"
    return f"{what}{between}, {allowed}"


def _up(share: float) -> str:
    """
    >>> _up(0.0213)
    '0.022'
    """
    return f"{math.ceil(share * 1000) / 1000:g}"
