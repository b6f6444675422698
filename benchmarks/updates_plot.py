"""The plot of docs/updating.md: updates beside training anew, and beside none.

python -m benchmarks.updates_plot --results benchmarks/results/updates.json --output updates.svg
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.failures import main

ANEW, NO_UPDATE = "#c8553d", "#1b6ca8"
STYLE: Any = {"svg.hashsalt": "updates", "svg.fonttype": "none", "font.size": 10}


def panel(axes: Axes, title: str, figures: Mapping[str, Any]) -> None:
    """What other files have more of loss than the updated one, week by week."""
    against_none = figures["weekly_loss_beside_no_update"]
    weeks = range(1, len(against_none) + 1)
    axes.axhline(0, color="0.75", linewidth=1, zorder=0)
    axes.plot(weeks, list(map(others, against_none)), color=NO_UPDATE, label="without updates")
    anew = list(map(others, figures["weekly_loss_beside_anew"]))
    axes.plot(figures["weeks_anew"], anew, "o", color=ANEW, label="trained anew")
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel("update")
    axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    axes.spines[["top", "right"]].set_visible(False)


def others(more: float) -> float:
    """How much more the other file has, by how much more the updated one has, both as shares.

    >>> round(others(-0.2), 4)
    0.25
    """
    return 1 / (1 + more) - 1


def plot(tables: Mapping[str, Mapping[str, Any]]) -> Figure:
    """One panel for each table."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 3), layout="constrained")
        row = figure.subplots(1, len(tables), squeeze=False).flat
        for axes, (title, figures) in zip(row, tables.items(), strict=True):
            panel(axes, title, figures)
        row[0].set_ylabel("loss beside the updated file's")
        row[0].legend(frameon=False, fontsize=9)
    return figure


def run(arguments: Sequence[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.updates_plot")
    parser.add_argument("--results", type=Path, required=True, help="figures of benchmarks.updates")
    parser.add_argument("--output", type=Path, required=True, help="the SVG file to write")
    options = parser.parse_args(arguments)
    said = json.loads(options.results.read_text(encoding="utf-8"))
    tables = {name: of for name, of in said.items() if isinstance(of, Mapping)}
    with mpl.rc_context(STYLE):
        plot(tables).savefig(options.output, metadata={"Date": None})


if __name__ == "__main__":
    main(run)
