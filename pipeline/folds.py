"""Trains once for each fold, without its rows, and sums up the metrics on them.

    python -m pipeline.folds --spec spec.yaml --input 'rows/*.csv' --output OUT --folds 5

Each row is a test row once. A fold is a run of its own in OUT/fold-3, as `pipeline.run --fold 3/5
--stages prepare,train` would make it: nothing is exported. The same command again goes on where it
was ended. OUT/folds.json has every figure.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.failures import main
from pipeline.folders.output import Output
from pipeline.manifest import write_text
from pipeline.rows.csv_dialect import add_csv, csv_of
from pipeline.run import run_all
from pipeline.running.processes import StageFailed
from pipeline.running.settings import fold_setting
from pipeline.spec.file import add_set, read_spec

FOLDS = "folds.json"
STAGES = ("prepare", "train")
# {head: {metric: {"mean": ..., "deviation": ..., "constant": ..., "values": [...]}}}
Summary = dict[str, dict[str, dict[str, Any]]]


def run(arguments: Sequence[str]) -> None:
    """The command. Options that are not ours go to Beam, in the prepare stage."""
    options, beam_options = _parser().parse_known_args(arguments)
    folds = {
        number: fold_setting(options.spec, options.set, f"{number}/{options.folds}")
        for number in range(1, options.folds + 1)
    }
    for fold in folds.values():
        read_spec(options.spec, settings=[*options.set, fold])
    measured = []
    for number, fold in folds.items():
        print(f"── fold {number} of {options.folds} ──", file=sys.stderr, flush=True)
        output = options.output / f"fold-{number}"
        try:
            run_all(
                options.spec,
                options.input,
                output,
                stages=STAGES,
                settings=[*options.set, fold],
                max_bad_fraction=options.max_bad_fraction,
                force=options.force,
                csv=csv_of(options),
                beam_options=beam_options,
            )
        except StageFailed as failed:
            print(failed, file=sys.stderr)
            sys.exit(failed.exit_code)
        measured.append(Output(output).run.metrics)
    summary = summed_up(measured)
    said = {"folds": options.folds, "heads": summary}
    write_text(options.output / FOLDS, json.dumps(said, indent=2) + "\n")
    print("\n\n".join(table(head, own, options.folds) for head, own in summary.items()))
    print(f"\nfolds: {options.output / FOLDS}")


def summed_up(measured: Sequence[Mapping[str, Any]]) -> Summary:
    """What the metrics of runs say of their test rows: mean and standard deviation over the folds
    that have the metric, and the mean of a constant prediction.

    >>> folds = [{"test": {"y": {"log_loss": x}}, "baselines": {}} for x in (0.25, 0.75)]
    >>> summed_up(folds)["y"]["log_loss"]["mean"]
    0.5
    """
    heads = dict.fromkeys(head for one in measured for head in one.get("test", {}))
    return {head: dict(_metrics(head, measured)) for head in heads}


def _metrics(
    head: str, measured: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    own = [one.get("test", {}).get(head, {}) for one in measured]
    constant = [
        one["baselines"].get(head, {}).get("constant", {}).get("test", {}) for one in measured
    ]
    for name in dict.fromkeys(name for one in own for name in one):
        values = [one[name] for one in own if one.get(name) is not None]
        others = [one[name] for one in constant if one.get(name) is not None]
        yield (
            name,
            {
                "mean": statistics.fmean(values) if values else None,
                "deviation": statistics.stdev(values) if len(values) > 1 else None,
                "constant": statistics.fmean(others) if others else None,
                "values": [one.get(name) for one in own],
            },
        )


def table(head: str, metrics: Mapping[str, Mapping[str, Any]], folds: int) -> str:
    """
    >>> said = {"mean": 0.5, "deviation": 0.25, "constant": 0.75, "values": [0.25, 0.75]}
    >>> print(table("y", {"log_loss": said}, 2))
    y (test, 2 folds)    mean  deviation   least  greatest  constant
    log loss           0.5000     0.2500  0.2500    0.7500    0.7500
    """
    header = [f"{head} (test, {folds} folds)", "mean", "deviation", "least", "greatest", "constant"]
    lines = [header, *(_line(name, said) for name, said in metrics.items())]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    first, *others = widths
    return "\n".join(
        "  ".join([line[0].ljust(first), *map(str.rjust, line[1:], others)]) for line in lines
    )


def _line(name: str, said: Mapping[str, Any]) -> list[str]:
    values = [value for value in said["values"] if value is not None]
    ends = [min(values), max(values)] if values else [None, None]
    return [
        name.replace("_", " "),
        *map(_cell, [said["mean"], said["deviation"], *ends, said["constant"]]),
    ]


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 10 else f"{value:.4f}"


def _folds(text: str) -> int:
    if not text.isdecimal() or not 2 <= int(text) <= 999:
        raise argparse.ArgumentTypeError(f"must be a whole number from 2 to 999. Received: {text}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.folds",
        description="Trains once for each fold, without its rows, and sums up the metrics on them.",
        epilog="Example: python -m pipeline.folds --spec spec.yaml --input 'rows/*.csv' --output "
        "OUT --folds 5 (other options go to Apache Beam)",
        allow_abbrev=False,
    )
    parser.add_argument("--spec", required=True, help="a YAML file, here or at gs:// or s3://")
    add_set(parser)
    parser.add_argument(
        "--input", action="extend", nargs="+", required=True, metavar="GLOB", help="the raw rows"
    )
    add_csv(parser)
    parser.add_argument("--output", type=Path, required=True, help="a folder for every fold's own")
    parser.add_argument("--folds", type=_folds, default=5, metavar="N", help="how many (5)")
    parser.add_argument(
        "--max-bad-fraction", type=float, default=0.01, help="share of bad rows to tolerate (0.01)"
    )
    parser.add_argument("--force", action="store_true", help="replace results of other inputs")
    return parser


if __name__ == "__main__":
    main(run)
