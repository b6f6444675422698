"""Reports of versions: lines for people, and one line of JSON for schedulers."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from kinds.charts import counted
from pipeline.console.progress import duration
from pipeline.updating.version import Version


def lines(version: Version) -> Iterator[str]:
    """What changed, and why it is served or not."""
    after = f", after {version.parent}" if version.parent else ""
    yield f"version {version.number}{after}: {version.state}. {version.why}"
    rows = version.rows
    sides = ", ".join(f"{rows.get(side, 0):,} {side}" for side in ("train", "eval", "test"))
    new = ""
    if "new" in rows:
        new = f"{counted(rows['new'], 'new row')} in {counted(len(version.new), 'file')}; "
    yield f"  rows: {new}{sides}, {rows.get('rejected', 0):,} rejected"
    for name, one in version.vocabularies.items():
        yield f"  {name}: {_grown(one)}"
    for warning in version.drift.get("warnings", ()):
        yield f"  drift of {warning['of']}: {warning['said']}"
    if said := version.certificate:
        yield f"  certificate: {said['rows']:,} rows as in Keras, to {said['largest']:.1e}"
    for head, one in version.heads.items():
        yield f"  {head}: {_compared(one)}"
    if version.seconds:
        stages = ", ".join(f"{stage} {duration(took)}" for stage, took in version.seconds.items())
        yield f"  time: {duration(sum(version.seconds.values()))} ({stages})"


def _grown(one: Mapping[str, int]) -> str:
    """
    >>> _grown({"before": 9, "kept": 9, "now": 12, "size": 12})
    '9 values kept their ids, 3 are new, as many as its size allows'
    >>> _grown({"before": 9, "kept": 7, "now": 7})
    '7 of 9 values are still there, 0 are new'
    """
    before, kept = one["before"], one.get("kept", one["before"])
    said = f"{kept:,} values kept their ids"
    if kept < before:
        said = f"{kept:,} of {before:,} values are still there"
    full = ", as many as its size allows" if one["now"] == one.get("size") else ""
    return f"{said}, {one['now'] - kept:,} are new{full}"


def _compared(one: Mapping[str, Any]) -> str:
    name = one["metric"].replace("_", " ")
    if "before" not in one:
        return f"no {name} to compare"
    said = f"{name} {one['before']:.4f}, now {one['after']:.4f} ({one['change']:+.2%}"
    if one["interval"]:
        low, high = one["interval"]
        said += f", between {low:+.2%} and {high:+.2%}"
    return f"{said}; may lose {one['may_lose']:.2%})"


def records(versions: Iterable[Version]) -> str:
    """All that the page of versions needs, as JSON."""
    return json.dumps(
        [asdict(one) | {"state": one.state, "lines": list(lines(one))[1:]} for one in versions]
    )


def table(versions: Mapping[int, Version], current: int | None) -> Iterator[str]:
    """A line for each version; a star before the one that is served."""
    yield f"  {'version':>7}  {'when':<20}  {'state':<11}  {'new rows':>10}  heads"
    for number, one in versions.items():
        heads = ", ".join(
            f"{head} {of['after']:.4f}" for head, of in one.heads.items() if "after" in of
        )
        star = "*" if number == current else " "
        new = one.rows.get("new", 0)
        yield f"{star} {number:>7}  {one.at:<20}  {one.state:<11}  {new:>10,}  {heads}".rstrip()


def json_line(version: Version, current: int | None, seconds: float) -> str:
    """One line for a scheduler."""
    heads = {
        head: {k: one[k] for k in ("metric", "before", "after", "change", "interval") if k in one}
        for head, one in version.heads.items()
    }
    said = {
        "version": version.number,
        "decision": version.decision,
        "why": version.why,
        "current": current,
        "rows": dict(version.rows),
        "drift": [warning["of"] for warning in version.drift.get("warnings", ())],
        "heads": heads,
        "seconds": round(seconds, 1),
    }
    return json.dumps(said)
