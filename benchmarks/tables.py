"""Tables that nobody tuned for, from the name of the target alone, beside what people would use.

    python -m benchmarks.tables --rows FOLDER --output RUNS [--rivals-python PYTHON]
        [--tables NAME ...] [--only NAME ...] [--minutes N] [--seeds N] [--results FILE]

Ours is `python -m pipeline.run --input TABLE --target COLUMN --minutes N` and no spec. The rivals
are CatBoost, LightGBM, logistic or ridge regression of scikit-learn, fastText and a count of
neighbours, each with its documented defaults (benchmarks/tables_rivals.py). FOLDER has `TABLE.csv`
or `TABLE.jsonl` with a column that says which side a row is on. All are measured on the test side,
which none of them sees before. A metric is won or lost where the means over the seeds are further
apart than their standard error, else it is a tie. Each figure is kept below RUNS, so a benchmark
that was stopped goes on; `--tables` and `--only` make a part of them.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from pipeline.failures import main
from pipeline.folders.output import Output
from pipeline.processor import processor

RIVALS = Path(__file__).with_name("tables_rivals.py")
OURS = "ours"
HIGHER_IS_BETTER = ("accuracy@1", "accuracy@10", "auc")


@dataclass(frozen=True)
class Table:
    """A task: `kind` is what the target is, `metrics` are compared, `names` are numbers that are
    names, which the rivals are told and ours is not."""

    file: str
    target: str
    kind: str
    metrics: tuple[str, ...]
    rivals: tuple[str, ...]
    names: tuple[str, ...] = ()


TABLES = {
    "routes": Table("routes.csv", "destination", "labels", ("accuracy@10",), ("fasttext",)),
    "scorers": Table("scorers.csv", "scorer", "labels", ("accuracy@10",), ("fasttext",)),
    "tags": Table("tags.csv", "tag", "labels", ("accuracy@10",), ("fasttext",), ("user",)),
    "ratings": Table(
        "ratings.csv",
        "rating",
        "number",
        ("root_mean_squared_error",),
        ("catboost", "lightgbm", "logistic"),
        ("user", "movie"),
    ),
    "access": Table(
        "access.csv",
        "ACTION",
        "binary",
        ("log_loss", "auc"),
        ("catboost", "lightgbm", "logistic"),
        (
            "RESOURCE",
            "MGR_ID",
            "ROLE_ROLLUP_1",
            "ROLE_ROLLUP_2",
            "ROLE_DEPTNAME",
            "ROLE_TITLE",
            "ROLE_FAMILY_DESC",
            "ROLE_FAMILY",
            "ROLE_CODE",
        ),
    ),
    "next_item": Table("next_item.jsonl", "next", "labels", ("accuracy@10",), ("neighbours",)),
}
SPLIT = "side"
Figures = dict[str, float]


def ours(table: Table, options: argparse.Namespace, seed: int) -> Figures:
    """The test metrics of the target's head, after one command."""
    output = options.output / f"{Path(table.file).stem}-{seed}"
    started = time.monotonic()
    command = [sys.executable, "-m", "pipeline.run", "--input", str(options.rows / table.file)]
    command += ["--target", table.target, "--minutes", str(options.minutes), "--force"]
    subprocess.run(
        [*command, "--set", f"training.seed={seed}", "--output", str(output)], check=True
    )
    found = Output(output).run.metrics["test"][table.target]
    figures = {name: value for name, value in found.items() if isinstance(value, int | float)}
    return {**figures, "seconds": round(time.monotonic() - started, 1)}


def rival(name: str, table: Table, options: argparse.Namespace, seed: int) -> Figures:
    command = [options.rivals_python, str(RIVALS), name, "--seed", str(seed), "--split", SPLIT]
    command += ["--table", str(options.rows / table.file), "--target", table.target]
    command += ["--kind", table.kind, "--names", *table.names]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(said.stdout.splitlines()[-1]))


def compare(table: Table, found: Mapping[str, Sequence[Figures]]) -> dict[str, str]:
    """Each metric won, tied or lost against the best rival that has it.

    >>> table = Table("", "", "binary", ("auc",), ())
    >>> compare(table, {"ours": [{"auc": 0.8}, {"auc": 0.7}], "a": [{"auc": 0.5}]})
    {'auc': 'win'}
    """
    said = {}
    for metric in table.metrics:
        sign = 1.0 if metric in HIGHER_IS_BETTER else -1.0
        by_name = {
            name: [sign * seed[metric] for seed in seeds]
            for name, seeds in found.items()
            if all(metric in seed for seed in seeds)
        }
        own = by_name.pop(OURS)
        if not by_name:
            continue
        best = max(by_name.values(), key=mean)
        noise = sqrt(_error(own) ** 2 + _error(best) ** 2)
        gap = mean(own) - mean(best)
        said[metric] = "tie" if abs(gap) <= noise else "win" if gap > 0 else "loss"
    return said


def _error(values: Sequence[float]) -> float:
    return stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0


def rank(table: Table, found: Mapping[str, Sequence[Figures]]) -> float:
    """The mean place of ours among all, over the metrics; 1 is the best.

    >>> table = Table("", "", "binary", ("auc",), ())
    >>> rank(table, {"ours": [{"auc": 0.7}], "a": [{"auc": 0.8}], "b": [{"auc": 0.6}]})
    2
    """
    places = []
    for metric in table.metrics:
        sign = 1.0 if metric in HIGHER_IS_BETTER else -1.0
        means = {
            name: mean(sign * seed[metric] for seed in seeds)
            for name, seeds in found.items()
            if all(metric in seed for seed in seeds)
        }
        places.append(1 + sum(value > means[OURS] for value in means.values()))
    return mean(places)


def medians(seeds: Sequence[Figures], metrics: Sequence[str]) -> Figures:
    return {
        metric: round(median(seed[metric] for seed in seeds), 4)
        for metric in (*metrics, "seconds")
        if all(metric in seed for seed in seeds)
    }


def run(arguments: Sequence[str]) -> None:
    """The command. Its last line is one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables")
    parser.add_argument("--rows", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--output", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--rivals-python", help="a Python that has the rivals' packages")
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--only", nargs="+", metavar="NAME", help="measure these, compare nothing")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--results", type=Path, help="where the last line goes, too")
    options = parser.parse_args(arguments)
    if options.only:
        for name in options.tables:
            print(json.dumps({name: figures_of(name, options)}), flush=True)
        return
    tables: dict[str, Any] = {}
    outcomes: list[str] = []
    ranks = []
    for name in options.tables:
        table, found = TABLES[name], figures_of(name, options)
        said = compare(table, found)
        outcomes += said.values()
        ranks.append(rank(table, found))
        of_all = {who: medians(seeds, table.metrics) for who, seeds in found.items()}
        tables[name] = {**of_all, "outcome": said}
        print(json.dumps({name: tables[name]}), flush=True)
    figures = {
        "benchmark": "tables",
        "processor": processor(),
        "minutes": options.minutes,
        "seeds": options.seeds,
        "wins": outcomes.count("win"),
        "ties": outcomes.count("tie"),
        "losses": outcomes.count("loss"),
        "mean_rank": round(mean(ranks), 2),
        "tables": tables,
    }
    if options.results:
        options.results.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures))


def figures_of(name: str, options: argparse.Namespace) -> dict[str, list[Figures]]:
    """{contestant: the figures of each seed}."""
    names = [OURS, *(TABLES[name].rivals if options.rivals_python else ())]
    chosen = [who for who in names if not options.only or who in options.only]
    return {
        who: [measured(name, who, options, seed) for seed in range(options.seeds)] for who in chosen
    }


def measured(name: str, who: str, options: argparse.Namespace, seed: int) -> Figures:
    """What an earlier call measured, or what is measured now."""
    path = options.output / "figures" / f"{name}-{who}-{seed}.json"
    if not path.exists():
        table = TABLES[name]
        found = ours(table, options, seed) if who == OURS else rival(who, table, options, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found), encoding="utf-8")
    return dict(json.loads(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main(run)
