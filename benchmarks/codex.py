"""CoDEx-M, filtered ranking: how good the embeddings are, compared with published ones.

    python -m benchmarks.codex --archive codex-m.tar.xz --output OUT [--seeds 3] [--side eval]
                               [--set PLACE=VALUE] [--results FILE]

Prepares and trains examples/codex once for each seed (what OUT already holds is kept), then ranks
each test answer among all entities, leaving out the other known answers of the same question
(Bordes et al. 2013, section 4.1). Both directions count alike; ties count half. Settings of the
spec are tried with `--set` and chosen on `--side eval`. The last line is one JSON object: means
over the seeds, `spread`, the standard deviation between them, and the minutes of all stages.

Published with the same loss (Safavi and Koutra 2020, table 6): RESCAL .317, TransE .303,
ComplEx .337 mean reciprocal rank.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from examples.codex.rows import Graph, Triple, questions, read_graph
from pipeline.failures import main
from pipeline.folders.output import Output
from pipeline.folders.run import RunFolder
from pipeline.processor import processor
from pipeline.spec.file import add_set

SPEC = Path(__file__).parent.parent / "examples" / "codex" / "spec.yaml"
BATCH = 1024

Ids = NDArray[np.int64]
Ranks = NDArray[np.float64]


def ids(run: RunFolder, vocabulary: str) -> dict[str, int]:
    """Each value's id."""
    return {value: at for at, value in enumerate(run.vocabulary(vocabulary))}


def filtered_ranks(scores: NDArray[np.float32], answers: Ids, others: list[list[int]]) -> Ranks:
    """The rank [batch] of each answer in scores [batch, entities] without the other known answers.

    >>> filtered_ranks(np.array([[3.0, 2.0, 1.0]], np.float32), np.array([2]), [[0]])
    array([2.])
    """
    ranks = np.empty(len(answers))
    for row, (answer, known) in enumerate(zip(answers, others, strict=True)):
        own = scores[row, answer]
        candidates = np.delete(scores[row], [*known, answer])
        ranks[row] = 1 + (candidates > own).sum() + (candidates == own).sum() / 2
    return ranks


def known_answers(graph: Graph) -> dict[tuple[str, str], set[str]]:
    answers = defaultdict(set)
    for triples in graph.triples.values():
        for question in questions(triples):
            answers[question.head, question.relation].add(question.tail)
    return answers


def batches(asked: Sequence[Triple]) -> Iterator[Sequence[Triple]]:
    for start in range(0, len(asked), BATCH):
        yield asked[start : start + BATCH]


def rank_all(run: RunFolder, graph: Graph, side: str) -> Ranks:
    """The filtered rank of every answer of one side. An unknown entity ranks last."""
    model = keras.saving.load_model(run.keras_model)
    entity, relation = (ids(run, name) for name in ("entity", "relation"))
    known = known_answers(graph)
    ranks = []
    for batch in batches(list(questions(graph.triples[side]))):
        features = {
            "entity": np.array([entity.get(q.head, len(entity)) for q in batch], np.int32),
            "relation": np.array(
                [relation.get(q.relation, len(relation)) for q in batch], np.int32
            ),
        }
        logits = keras.ops.convert_to_numpy(model(features)["answer"])
        scores = np.concatenate([logits[:, : len(entity)], np.full((len(batch), 1), -np.inf)], 1)
        others = [
            [entity[a] for a in known[q.head, q.relation] - {q.tail} if a in entity] for q in batch
        ]
        answers = np.array([entity.get(q.tail, len(entity)) for q in batch])
        ranks.append(filtered_ranks(scores, answers, others))
    return np.concatenate(ranks)


def figures_of(ranks: Ranks) -> dict[str, float]:
    """
    >>> figures_of(np.array([1.0, 2.0, 20.0, 4.0]))
    {'mrr': 0.45, 'hits_at_1': 0.25, 'hits_at_10': 0.75}
    """
    return {
        "mrr": round(float((1 / ranks).mean()), 4),
        "hits_at_1": round(float((ranks <= 1).mean()), 4),
        "hits_at_10": round(float((ranks <= 10).mean()), 4),
    }


def trained(options: argparse.Namespace, seed: int) -> tuple[RunFolder, float]:
    """A run, and the minutes that its stages took."""
    output, started = options.output / f"seed{seed}", time.monotonic()
    words = f"pipeline.run --spec {SPEC} --input {options.output}/rows/*.parquet --output {output} "
    words += "--stages prepare,train"
    settings = [*options.set, f"training.seed={seed}"]
    _stage(*words.split(), *(word for setting in settings for word in ("--set", setting)))
    return Output(output).run, (time.monotonic() - started) / 60


def _stage(*words: str) -> None:
    subprocess.run([sys.executable, "-m", *words], check=True)


def run(arguments: Sequence[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.codex")
    parser.add_argument("--archive", type=Path, required=True, help="codex-m.tar.xz")
    parser.add_argument("--output", type=Path, required=True, help="folder for rows and results")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--side", choices=("eval", "test"), default="test", help="which is ranked")
    parser.add_argument("--results", type=Path, help="where the last line goes, too")
    add_set(parser)
    options = parser.parse_args(arguments)
    rows = f"--archive {options.archive} --output {options.output}/rows"
    _stage("examples.codex.rows", *rows.split())
    graph, found = read_graph(options.archive), []
    for seed in range(1, options.seeds + 1):
        folder, minutes = trained(options, seed)
        own = figures_of(rank_all(folder, graph, options.side)) | {"minutes": round(minutes, 1)}
        print(f"seed {seed}: {own}", file=sys.stderr, flush=True)
        found.append(own)
    said = {
        "benchmark": "codex",
        "processor": processor(),
        "side": options.side,
        "seeds": options.seeds,
        **{name: round(float(np.mean([one[name] for one in found])), 4) for name in found[0]},
        "spread": round(float(np.std([one["mrr"] for one in found])), 4),
    }
    if options.results:
        options.results.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(said))


if __name__ == "__main__":
    main(run)
