"""The plot of docs/phases.md: log loss on test of every way to train a shared block.

python -m benchmarks.phases_plot --results benchmarks/results/phases.json --output phases.svg
"""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.failures import main

COLOURS = {"joint": "#1b6ca8", "frozen": "#c8553d"}
STYLE: Any = {"svg.hashsalt": "phases", "svg.fonttype": "none", "font.size": 10}


def panel(axes: Axes, title: str, variants: dict[str, Any]) -> None:
    """A point for each seed and a bar at their mean, one line for each variant; the mean of plain
    joint training runs through all of them."""
    axes.axvline(variants["joint"]["log_loss"], color="0.75", linewidth=1, zorder=0)
    for place, (name, figures) in enumerate(variants.items()):
        colour = COLOURS[re.split("[ ,]", name)[0]]
        seeds = figures["log_loss_of_seeds"]
        axes.plot(seeds, [place] * len(seeds), "o", color=colour, alpha=0.45, markersize=5)
        axes.plot(figures["log_loss"], place, "|", color=colour, markersize=16, markeredgewidth=2.5)
    axes.set_yticks(range(len(variants)), list(variants))
    axes.invert_yaxis()
    axes.set_title(title.replace("_", " "), loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylim(len(variants) - 0.5, -0.5)


def plot(results: dict[str, dict[str, Any]]) -> Figure:
    """One panel for each set of rows and block."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 6.5), layout="constrained")
        rows = (len(results) + 1) // 2
        axes = figure.subplots(rows, 2, sharey=True, squeeze=False).flat
        for one, (title, variants) in zip(axes, results.items(), strict=True):
            panel(one, title, variants)
        figure.supxlabel("log loss on test: a bar is the mean of the seeds, a point one seed")
    return figure


def run(arguments: Sequence[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.phases_plot")
    parser.add_argument("--results", type=Path, required=True, help="figures of benchmarks.phases")
    parser.add_argument("--output", type=Path, required=True, help="the SVG file to write")
    options = parser.parse_args(arguments)
    results = json.loads(options.results.read_text(encoding="utf-8"))["results"]
    with mpl.rc_context(STYLE):
        plot(results).savefig(options.output, metadata={"Date": None})


if __name__ == "__main__":
    main(run)
