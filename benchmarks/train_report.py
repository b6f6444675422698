"""The results of the training benchmark: a table, a picture and the line of numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import matplotlib
import matplotlib.pyplot as plt

from trainer.reporting.tables import table

matplotlib.use("Agg")
Results = Mapping[str, Sequence[Mapping[str, Any]]]
Speeds = Mapping[str, Sequence[float]]
MEASURES = ("log_loss", "accuracy@1", "accuracy@10")


def best(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The point with the lowest held-out loss; without losses that with the best accuracy@10."""
    points = result["points"]
    if "log_loss" in points[0]:
        return dict(min(points, key=lambda point: point["log_loss"]))
    return dict(max(points, key=lambda point: point["accuracy@10"]))


def seconds_to(result: Mapping[str, Any], measure: str, aim: float) -> float | None:
    """Training seconds at the first point that is as good as `aim`, or None.

    >>> points = [{"seconds": 1, "log_loss": 4.0}, {"seconds": 2, "log_loss": 3.0}]
    >>> seconds_to({"points": points}, "log_loss", 3.5)
    2
    """
    sign = -1 if measure == "log_loss" else 1
    reached = [p for p in result["points"] if sign * p[measure] >= sign * aim]
    return reached[0]["seconds"] if reached else None


def report(races: Results, speeds: Speeds) -> str:
    """The tables, as they stand in the output folder."""
    rows = [[name, *_cells(of_seeds)] for name, of_seeds in races.items() if of_seeds]
    header = ["contestant at its best", *MEASURES, "seconds", "examples", "seeds", "ended"]
    fast = [[name, f"{median(found):,.0f}"] for name, found in speeds.items() if found]
    spread = [[f"{min(found):,.0f} to {max(found):,.0f}"] for found in speeds.values() if found]
    speed_rows = [row + of for row, of in zip(fast, spread, strict=True)]
    return "\n\n".join([table(["examples/s", "median", "spread"], speed_rows), table(header, rows)])


def _cells(of_seeds: Sequence[Mapping[str, Any]]) -> list[str]:
    bests = [best(result) for result in of_seeds]
    cells = [_mean_and_deviation([b.get(m) for b in bests]) for m in MEASURES]
    return [
        *cells,
        f"{mean(b['seconds'] for b in bests):.0f}",
        f"{mean(b['examples'] for b in bests):,.0f}",
        str(len(bests)),
        ", ".join(dict.fromkeys(result["ended"] for result in of_seeds)),
    ]


def _mean_and_deviation(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    return f"{mean(known):.4f}" + (f" ± {stdev(known):.4f}" if len(known) > 1 else "")


def summary(races: Results, speeds: Speeds) -> dict[str, Any]:
    """The benchmark's line; what was not run is None."""
    exact = _median(speeds, "ours exact, plain Adam")
    line: dict[str, Any] = {"benchmark": "train", "examples_per_s": round(exact or 0)}
    for name in ("keras", "torch"):
        theirs = _median(speeds, name)
        line[f"vs_{name}"] = round(exact / theirs, 2) if exact and theirs else None
    line |= {f"time_to_quality_vs_{name}": gain(races, name) for name in ("keras", "torch")}
    line["time_to_quality_vs_fasttext"] = gain_over_fasttext(races)
    ours = [of_seeds for name in ("ours exact", "ours fast") if (of_seeds := races.get(name))]
    if ours:
        line["log_loss"], line["accuracy_at_10"] = min(map(_means, ours))
    return line


def _means(of_seeds: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """(log loss, accuracy@10) at the best point of each seed, in the mean over the seeds."""
    bests = [best(result) for result in of_seeds]
    loss, accuracy = (mean(b[name] for b in bests) for name in ("log_loss", "accuracy@10"))
    return round(loss, 4), round(accuracy, 4)


def _median(speeds: Speeds, name: str) -> float | None:
    return median(speeds[name]) if speeds.get(name) else None


def gain(races: Results, name: str) -> float | None:
    """Their seconds to Keras's best held-out loss over ours, with `ours fast`. Where they do not
    get there, their seconds to their own best, which is less."""
    if not races.get("keras") or not races.get(name):
        return None
    aim = best(races["keras"][0])["log_loss"]
    theirs = seconds_to(races[name][0], "log_loss", aim) or best(races[name][0])["seconds"]
    return _over_ours(races, "ours fast", theirs, "log_loss", aim)


def gain_over_fasttext(races: Results) -> float | None:
    """The seconds of fastText's best accuracy@10 over ours to the same. Each of its points is a run
    of its own, so its best is the number of epochs with the best mean over the seeds, and the
    faster of our two runs counts."""
    found = [point for name in races if "fasttext" in name for point in _mean_points(races[name])]
    if not found:
        return None
    aim, seconds = max(found, key=lambda point: (point[0], -point[1]))
    gains = [
        _over_ours(races, name, seconds, "accuracy@10", aim)
        for name in ("ours fast", "ours fast, short")
    ]
    return max((gain for gain in gains if gain), default=None)


def _mean_points(of_seeds: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    """(accuracy@10, seconds) of each point in the mean over the seeds, of those that all have."""
    same = zip(*(result["points"] for result in of_seeds), strict=False)
    return [(mean(p["accuracy@10"] for p in of), mean(p["seconds"] for p in of)) for of in same]


def _over_ours(races: Results, name: str, theirs: float, measure: str, aim: float) -> float | None:
    ours = [seconds_to(result, measure, aim) for result in races.get(name, [])]
    reached = [seconds for seconds in ours if seconds is not None]
    return round(theirs / mean(reached), 2) if ours and len(reached) == len(ours) else None


def curves(races: Results, path: Path) -> None:
    """Held-out loss and accuracy@10 by seconds of training."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for axis, measure in zip(axes, ("log_loss", "accuracy@10"), strict=True):
        for place, (name, results) in enumerate(races.items()):
            for seed, result in enumerate(results):
                points = [p for p in result["points"] if measure in p]
                seconds = [p["seconds"] for p in points]
                label = None if seed else name
                line = [p[measure] for p in points]
                axis.plot(seconds, line, "o-", ms=3, lw=1, color=f"C{place}", label=label)
        axis.set(xscale="log", xlabel="seconds of training (2 cores)", ylabel=f"held-out {measure}")
        axis.grid(alpha=0.3)
    axes[1].legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
