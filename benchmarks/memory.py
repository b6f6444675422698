"""Counted memory, a network, and both together: `memory: auto` beside the same spec without it.

    python -m benchmarks.memory --tables FOLDER --output RUNS [--add SPEC ROWS ...] [--only NAMES]
                                [--seeds 3] [--epochs 12] [--memory-only] [--results FOLDER]

FOLDER has tables of benchmarks.memory_tables; --add names a spec of one's own and its rows, and
asks for `memory: auto` if the spec names no memory.

Of a head of labels the memory alone is the back-off of what prepare has counted, with the discounts
that follow from the counts (kinds.memory.back_off): nothing is trained. The network learns as if
there were no memories, so one run for each seed has the network alone and the mixture. Of a head
that predicts a number the network reads what memories say, so each is a run of its own, and the
memory alone is that of `trunk: none`.

All is measured on test, and unknown labels are one class in the log loss. `cpu_seconds` are those
of all cores, which depend little on what else the machine does: of prepare, and of training where
there is some. One run has the network alone and the mixture of a head of labels, so both cost the
same. The mixture is to be at least as good as the better of the two, within one standard error of
the seeds. What is in RUNS already is not done again, and in the file of --results the figures of
other tables stay, each with the number of its seeds and its processor. Prints a table and, last,
one JSON object with its figures.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.memory_tables import Table, tables
from kinds.heads.any.metrics import shortfall
from kinds.heads.metrics import KINDS
from kinds.memory import back_off
from kinds.memory.keys import keys_of, padded_ids
from kinds.memory.mixture import log_probabilities
from pipeline.failures import Exit, Failure, main
from pipeline.folders.data import DataFolder
from pipeline.folders.output import Output
from pipeline.processor import processor
from pipeline.spec import Spec
from pipeline.spec.file import read_spec
from serving.exporting.reference import hidden_vectors
from serving.exporting.trained_run import TrainedRun
from trainer.data import example_features

BATCH = 2048
METRICS = ("log_loss", "accuracy@1", "accuracy@10")
MEMORY, NETWORK, MIXTURE = "memory", "network", "mixture"
COST = "cpu_seconds"
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
    found: dict[str, Any] = {"benchmark": "memory", "measured": {}, "tables": {}}
    for one in chosen:
        found["tables"][one.name] = compared(one, output / one.name, options)
        found["measured"][one.name] = {"seeds": options.seeds, "processor": processor()}
        if options.results:
            keep(found, options.results / "memory.json")
    print("\n".join(_table(found["tables"])))
    print(json.dumps(found))


def keep(found: Mapping[str, Any], to: Path) -> None:
    """Beside those of tables that the file has already: how each was measured, and its figures."""
    kept = json.loads(to.read_text("utf-8")) if to.exists() else {"measured": {}, "tables": {}}
    tables = {
        name: {who: _rounded(reached) for who, reached in contestants.items()}
        for name, contestants in found["tables"].items()
    }
    both = {
        "benchmark": found["benchmark"],
        "measured": kept["measured"] | found["measured"],
        "tables": kept["tables"] | tables,
    }
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(json.dumps(both) + "\n", encoding="utf-8")


def _rounded(reached: Figures) -> Figures:
    return {what: round(value, 1 if what == COST else 4) for what, value in reached.items()}


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("--tables", type=Path, help="folder with tables")
    parser.add_argument("--output", type=Path, required=True, help="folder for what is made")
    parser.add_argument("--add", nargs="+", action="append", default=[], metavar=("SPEC", "ROWS"))
    parser.add_argument("--only", nargs="+", help="names of tables")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="at most")
    parser.add_argument("--memory-only", action="store_true", help="train nothing")
    parser.add_argument("--results", type=Path, help="folder for the figures")
    return parser.parse_args(arguments)


def _added(path: str, rows: list[str]) -> Table:
    spec = read_spec(path)
    if not spec.memory:
        spec = spec.model_copy(update={"memory": "auto"})
    return Table(spec.name, spec, rows)


def compared(table: Table, output: Path, options: argparse.Namespace) -> dict[str, Figures]:
    """Each contestant's figures, of the first head that has memories."""
    data = prepared(table.spec, table.rows, Output(output).data.path)
    heads = [name for name, head in data.spec.heads.items() if head.memories()]
    if not heads:
        print(f"{table.name}: no memory helps", file=sys.stderr, flush=True)
        return {}
    head = next((name for name in heads if name in data.spec.mixed()), heads[0])
    if data.spec.heads[head].labels() is None:
        return _of_a_number(table, head, output, options)
    counted = counted_alone(data, head) | {COST: data.manifest.facts["cost"][COST]}
    _tell(table.name, MEMORY, counted)
    if options.memory_only:
        return {MEMORY: counted}
    runs = []
    for seed in _seeds(options):
        run = trained(data, output / MIXTURE / str(seed), seed, options.epochs)
        runs.append(parts_on_test(run, data, head))
        _tell(table.name, f"seed {seed}", runs[-1])
    found = {MEMORY: counted}
    return found | {who: _averaged([run[who] for run in runs]) for who in (NETWORK, MIXTURE)}


def _of_a_number(
    table: Table, head: str, output: Path, options: argparse.Namespace
) -> dict[str, Figures]:
    data = DataFolder(Output(output).data.path)
    folders = {MEMORY: prepared(table.without_network(), table.rows, output / "no_network")}
    if not options.memory_only:
        folders[NETWORK] = prepared(table.without_memory(), table.rows, output / "plain")
        folders[MIXTURE] = data
    found = {}
    for who, folder in folders.items():
        runs = []
        for seed in _seeds(options):
            run = trained(folder, output / who / str(seed), seed, options.epochs)
            reached = run.metrics["test"][head]
            known = {what: reached[what] for what in _metrics(data.spec, head)}
            runs.append(known | {COST: _cpu_seconds(run)})
            _tell(table.name, f"{who}, seed {seed}", runs[-1])
        found[who] = _averaged(runs)
    return found


def _metrics(spec: Spec, head: str) -> tuple[str, ...]:
    return METRICS if head in spec.mixed() else KINDS[spec.heads[head].kind].headlines()


def _seeds(options: argparse.Namespace) -> range:
    return range(1, options.seeds + 1)


def _averaged(runs: Sequence[Figures]) -> Figures:
    """The means of the figures, and of several runs the standard errors of those that are no
    cost."""
    found = {what: statistics.mean(one[what] for one in runs) for what in runs[0]}
    measured = [what for what in runs[0] if what != COST and len(runs) > 1]
    return found | {f"{what}_error": _error([one[what] for one in runs]) for what in measured}


def _tell(table: str, who: str, figures: object) -> None:
    print(f"{table}, {who}: {figures}", file=sys.stderr, flush=True)


def _error(values: Sequence[float]) -> float:
    """The standard error of a mean."""
    return statistics.stdev(values) / math.sqrt(len(values))


def prepared(spec: Spec, rows: Sequence[str], output: Path) -> DataFolder:
    path = output.with_suffix(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(spec.to_json(), encoding="utf-8")
    _stage("pipeline.prepare", "--spec", path, "--input", *rows, "--output", output)
    return DataFolder(output)


def trained(data: DataFolder, output: Path, seed: int, epochs: int | None) -> TrainedRun:
    settings = [f"--training.seed={seed}", *([f"--training.epochs={epochs}"] if epochs else [])]
    _stage("trainer.task", "--data", data.path, "--output", output, *settings)
    return TrainedRun(output)


def _cpu_seconds(run: TrainedRun) -> float:
    facts = run.manifest.facts
    return float(sum(facts[cost][COST] for cost in ("prepared_at_cost", "cost")))


def parts_on_test(run: TrainedRun, data: DataFolder, head: str) -> dict[str, Figures]:
    """How good the network is on test, and the mixture."""
    sums, rows = {who: np.zeros(len(METRICS)) for who in (NETWORK, MIXTURE)}, 0
    averages = run.averages(run.spec)
    for batch in _batches(data, "test"):
        batch = {name: values[batch[head] >= 0] for name, values in batch.items()}
        batch |= {name: memory.said(batch) for name, memory in averages.items()}
        target, counts = batch[head], run.counts[head]
        given = {name: tf.constant(batch[name]) for name in run.model.input}
        hidden = hidden_vectors(run.model, head, batch)
        logits = run.model(given, training=False)[head].numpy().astype(np.float64)
        alone = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        mixed = log_probabilities(logits, counts.mixture(batch, hidden))
        for who, log_p in ((NETWORK, alone), (MIXTURE, mixed)):
            sums[who] += _measured(log_p, target)
        rows += len(target)
    return {
        who: dict(zip(METRICS, (of / rows).tolist(), strict=True)) | {COST: _cpu_seconds(run)}
        for who, of in sums.items()
    }


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
        sums, rows = sums + _measured(np.log(said), target), rows + len(target)
    return dict(zip(METRICS, (sums / rows).tolist(), strict=True))


def _measured(log_p: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Sums of METRICS over rows. The class of all other labels is never a prediction."""
    own = log_p[np.arange(len(targets)), targets]
    others, is_known = log_p[:, :-1], targets < log_p.shape[1] - 1
    above = (others > own[:, None]).sum(axis=1)
    ties = (others == own[:, None]).sum(axis=1) - 1
    rank = np.where(is_known, 1 + above + ties / 2, np.inf)
    return np.array([-own.sum(), (rank <= 1).sum(), (rank <= 10).sum()])


def _batches(data: DataFolder, side: str) -> Iterator[dict[str, np.ndarray]]:
    """Features and targets of a side, as the trainer has them."""
    found = example_features(data.spec, data.entries)
    wanted = found.inputs | found.targets
    for records in tf.data.TFRecordDataset(data.files(side), "GZIP").batch(BATCH):
        parsed = tf.io.parse_example(records, {n: one.parsing for n, one in wanted.items()})
        yield {name: one.tensor(parsed[name]).numpy() for name, one in wanted.items()}


def _table(figures: Mapping[str, Mapping[str, Figures]]) -> Iterator[str]:
    for name, contestants in figures.items():
        if not contestants:
            yield f"{name}: no memory helps\n"
            continue
        some = next(iter(contestants.values()))
        errors = {f"{what}_error" for what in some}
        metrics = [what for what in some if what != COST and what not in errors]
        yield f"| {name} | " + " | ".join(metrics) + " | CPU seconds |"
        yield "|---|" + "---|" * (len(metrics) + 1)
        for who, reached in contestants.items():
            cells = [f"{reached[what]:.4f}" for what in metrics]
            yield f"| {who} | {' | '.join(cells)} | {reached[COST]:.0f} |"
        if MIXTURE in contestants:
            yield "| | " + " | ".join(_verdicts(contestants, metrics)) + " | |"
        yield ""


def _verdicts(contestants: Mapping[str, Figures], metrics: Sequence[str]) -> Iterator[str]:
    """Of each metric, how the mixture stands to the better of its parts."""
    for what in metrics:
        best = min(shortfall(what, contestants[who][what]) for who in (NETWORK, MEMORY))
        gain = best - shortfall(what, contestants[MIXTURE][what])
        error = contestants[MIXTURE].get(f"{what}_error", 0.0)
        yield "better" if gain > error else "as good" if gain >= -error else "worse"


if __name__ == "__main__":
    main(run)
