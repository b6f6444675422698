"""Counted memory, a network, and both together: `memory: auto` beside the same spec without it.

    python -m benchmarks.memory --tables FOLDER --output RUNS [--add SPEC ROWS ...] [--only NAMES]
                                [--seeds 3] [--memory-only] [--results FOLDER]

FOLDER has tables of benchmarks.memory_tables; --add names a spec of one's own, with its `memory`,
and its rows. Of each, the memory alone is the back-off of what prepare has counted, with the
discounts that follow from the counts (kinds.memory.back_off): no network, nothing is trained. The
network alone is trained without a memory, the mixture with it; both for each seed.

All is measured on test, and unknown labels are one class in the log loss. Seconds are those of
prepare, and of training where there is some. The mixture is to be at least as good as the better of
the two in log loss and accuracy@10, within one standard error of the seeds. What is in RUNS already
is not done again. Prints a table and, last, one JSON object with its figures.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.memory_tables import Table, tables
from kinds.memory import back_off
from kinds.memory.keys import keys_of, padded_ids
from pipeline.failures import Exit, Failure, main
from pipeline.folders.data import DataFolder
from pipeline.folders.output import Output
from pipeline.folders.run import RunFolder
from pipeline.spec import Spec
from pipeline.spec.file import read_spec
from trainer.data import example_features

BATCH = 2048
METRICS = ("log_loss", "accuracy@1", "accuracy@10")
Figures = dict[str, float]


def run(arguments: Sequence[str]) -> None:
    """The command."""
    options = _options(arguments)
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    chosen = tables(options.tables) if options.tables else []
    chosen += [_added(spec, rows) for spec, *rows in options.add]
    if options.only:
        chosen = [one for one in chosen if one.name in options.only]
    if not chosen:
        raise Failure(Exit.USAGE, "there must be a table", received=options.tables)
    figures = {one.name: compared(one, output / one.name, options) for one in chosen}
    line = json.dumps({"benchmark": "memory", "seeds": options.seeds, "tables": figures})
    if options.results:
        options.results.mkdir(parents=True, exist_ok=True)
        (options.results / "memory.json").write_text(line + "\n", encoding="utf-8")
    print("\n".join(_table(figures)))
    print(line)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("--tables", type=Path, help="folder with tables")
    parser.add_argument("--output", type=Path, required=True, help="folder for what is made")
    parser.add_argument("--add", nargs="+", action="append", default=[], metavar=("SPEC", "ROWS"))
    parser.add_argument("--only", nargs="+", help="names of tables")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--memory-only", action="store_true", help="train nothing")
    parser.add_argument("--results", type=Path, help="folder for the figures")
    return parser.parse_args(arguments)


def _added(path: str, rows: list[str]) -> Table:
    spec = read_spec(path)
    return Table(spec.name, spec, rows)


def compared(table: Table, output: Path, options: argparse.Namespace) -> dict[str, Figures]:
    """Each contestant's figures, of the first head that has memories."""
    started = time.monotonic()
    data = prepared(table.spec, table.rows, Output(output).data.path)
    heads = [name for name, head in data.spec.heads.items() if head.memories()]
    if not heads:
        raise Failure(Exit.USAGE, "a memory must help a head", received=table.name)
    found = {"memory": counted_alone(data, heads[0]) | {"seconds": time.monotonic() - started}}
    _tell(table.name, "memory", found["memory"])
    if options.memory_only:
        return found
    plain = prepared(table.without_memory(), table.rows, output / "plain")
    for name, folder in (("network", plain), ("mixture", data)):
        runs = []
        for seed in range(1, options.seeds + 1):
            runs.append(trained(folder, output / name / str(seed), seed, heads[0]))
            _tell(table.name, f"{name}, seed {seed}", runs[-1])
        found[name] = {what: statistics.mean(one[what] for one in runs) for what in runs[0]}
        found[name] |= {f"{what}_error": _error([one[what] for one in runs]) for what in METRICS}
    return found


def _tell(table: str, who: str, figures: Figures) -> None:
    print(f"{table}, {who}: {figures}", file=sys.stderr, flush=True)


def _error(values: Sequence[float]) -> float:
    """The standard error of a mean; none is known of one value."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def prepared(spec: Spec, rows: Sequence[str], output: Path) -> DataFolder:
    path = output.with_suffix(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(spec.to_json(), encoding="utf-8")
    _stage("pipeline.prepare", "--spec", path, "--input", *rows, "--output", output)
    return DataFolder(output)


def trained(data: DataFolder, output: Path, seed: int, head: str) -> Figures:
    """What a run reaches on test, and what it and prepare took."""
    _stage("trainer.task", "--data", data.path, "--output", output, f"--training.seed={seed}")
    folder = RunFolder(output)
    reached, facts = folder.metrics["test"][head], folder.manifest.facts
    seconds = sum(facts[cost]["seconds"] for cost in ("prepared_at_cost", "cost"))
    return {what: reached[what] for what in METRICS} | {"seconds": seconds}


def _stage(*command: object) -> None:
    subprocess.run([sys.executable, "-m", *map(str, command)], check=True, stdout=sys.stderr)


def counted_alone(data: DataFolder, head: str) -> Figures:
    """How good the memories are without a network, asked in their order."""
    labels = np.array(list(data.label_counts(head).values()))
    once = np.repeat(np.arange(len(labels)), labels)
    last = back_off.frequencies(once, len(labels) + 1)
    memories = [
        (data.memory(name, head), keys_of(data.spec.memories[name], data.spec.inputs, data.entries))
        for name in data.spec.heads[head].memories()
    ]
    sums, rows = np.zeros(len(METRICS)), 0
    for batch in _batches(data, "test"):
        target = batch[head]
        batch = {name: values[target >= 0] for name, values in batch.items()}
        target, ids_of = batch[head], padded_ids(batch)
        asked = [(counts, keys.looked_up(ids_of)) for counts, keys in memories]
        said = back_off.probabilities(asked, last, len(target))
        sums, rows = sums + _measured(said, target), rows + len(target)
    return dict(zip(METRICS, (sums / rows).tolist(), strict=True))


def _measured(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Sums of METRICS over rows. The class of all other labels is never a prediction."""
    own = probabilities[np.arange(len(targets)), targets]
    others, is_known = probabilities[:, :-1], targets < probabilities.shape[1] - 1
    above = (others > own[:, None]).sum(axis=1)
    ties = (others == own[:, None]).sum(axis=1) - 1
    rank = np.where(is_known, 1 + above + ties / 2, np.inf)
    return np.array([-np.log(own).sum(), (rank <= 1).sum(), (rank <= 10).sum()])


def _batches(data: DataFolder, side: str) -> Iterator[dict[str, np.ndarray]]:
    """Features and targets of a side, as the trainer has them."""
    found = example_features(data.spec, data.entries)
    wanted = found.inputs | found.targets
    for records in tf.data.TFRecordDataset(data.files(side), "GZIP").batch(BATCH):
        parsed = tf.io.parse_example(records, {n: one.parsing for n, one in wanted.items()})
        yield {name: one.tensor(parsed[name]).numpy() for name, one in wanted.items()}


def _table(figures: Mapping[str, Mapping[str, Figures]]) -> Iterator[str]:
    yield "| table | | " + " | ".join(METRICS) + " | seconds |"
    yield "|---|---|" + "---|" * (len(METRICS) + 1)
    for name, contestants in figures.items():
        for who, reached in contestants.items():
            cells = [f"{reached[what]:.4f}" for what in METRICS]
            yield f"| {name} | {who} | {' | '.join(cells)} | {reached['seconds']:.0f} |"
        if "mixture" in contestants:
            yield f"| {name} | | " + " | ".join(_verdicts(contestants)) + " | |"


def _verdicts(contestants: Mapping[str, Figures]) -> Iterator[str]:
    """Of each metric, how the mixture stands to the better of its parts."""
    for what in METRICS:
        sign = -1 if what == "log_loss" else 1
        parts = [sign * contestants[who][what] for who in ("network", "memory")]
        gain = sign * contestants["mixture"][what] - max(parts)
        error = contestants["mixture"][f"{what}_error"]
        yield "better" if gain > error else "as good" if gain >= -error else "worse"


if __name__ == "__main__":
    main(run)
