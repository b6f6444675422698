"""`make demo`: rows of this machine's own Python through every stage, then some predictions.

    python -m examples.next_identifier.demo [--rows N|all] [--output DIR]

The stages run as `python -m pipeline.run`, exactly as they would on your own rows. What is done
already is not done again.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from examples.next_identifier import rows
from pipeline.failures import main
from pipeline.folders.output import Output

SPEC = Path(__file__).with_name("spec.yaml")
SHOWN, GUESSES = 12, 5
SEED = 1
KEPT = ("tokens", "identifier")


def run(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.next_identifier.demo")
    parser.add_argument("--rows", default="400000", help="how many to train on, or all")
    parser.add_argument("--output", type=Path, help="default: demo/ROWS")
    parser.add_argument("--force", action="store_true", help="replace what other code made")
    options = parser.parse_args(argv)
    output = options.output or Path("demo") / options.rows
    out = Output(output)
    if not (output / "rows").exists():
        rows.run(["--output", str(output), "--rows", options.rows, "--seed", str(SEED)])
    _run_stages(output, force=options.force)
    scored = ds.dataset(out.scores).to_table().to_pylist()
    print("\n" + table(spread(scored, SHOWN)) + "\n")
    print(f"model    {out.model.model}")
    print(f"metrics  {out.run.metrics_path}")
    print(f"scores   {out.scores}")
    print(f"report   {out.report}")


def _run_stages(output: Path, *, force: bool) -> None:
    command = ["python", "-m", "pipeline.run", "--spec", str(SPEC), "--output", str(output)]
    command += ["--input", str(output / "rows" / "*.parquet")]
    command += ["--score", str(output / "new" / "*.parquet"), "--keep", *KEPT]
    command += ["--force"] * force
    print(shlex.join(command), flush=True)
    done = subprocess.run([sys.executable, *command[1:]], check=False)
    if done.returncode:  # the stage has said why
        sys.exit(done.returncode)


def spread(scored: Sequence[Any], count: int) -> Sequence[Any]:
    """`count` rows, evenly spread over all.

    >>> spread(range(100), 4)
    range(0, 100, 25)
    """
    return scored[:: max(1, -(-len(scored) // count))]


def table(scored: Sequence[Mapping[str, Any]]) -> str:
    """One line a prediction: what stood there, what came, and what the model would have said."""
    lines = [("what stands before", "what comes", "what was predicted")]
    lines += [(context(row["tokens"]), row["identifier"], guesses(row)) for row in scored]
    widths = [max(len(line[column]) for line in lines) for column in (0, 1)]
    return "\n".join(f"{a:>{widths[0]}}  {b:<{widths[1]}}  {c}" for a, b, c in lines)


def context(tokens: Sequence[str], width: int = 44) -> str:
    """The last tokens that fit into `width` characters.

    >>> context(["<newline>", "with", "open", "(", "path", ")", "as"], 18)
    'open ( path ) as'
    """
    text = ""
    for token in reversed(tokens):
        if len(token) + 1 + len(text) > width:
            break
        text = f"{token} {text}" if text else token
    return text


def guesses(row: Mapping[str, Any]) -> str:
    """The best labels with their probabilities, the right one in brackets.

    >>> guesses({"identifier": "b", "identifier.labels": ["a", "b"], \
"identifier.scores": [0.5, 0.25]})
    'a 50 %  [b] 25 %'
    """
    pairs = zip(row["identifier.labels"], row["identifier.scores"], strict=True)
    shown = [
        f"{f'[{label}]' if label == row['identifier'] else label} {score:.0%}".replace("%", " %")
        for label, score in list(pairs)[:GUESSES]
    ]
    return "  ".join(shown)


if __name__ == "__main__":
    main(run)
