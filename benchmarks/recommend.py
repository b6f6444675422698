"""The next item of a list beside SASRec in PyTorch and a count of neighbours, in the same time.

    python -m benchmarks.recommend --rows FILE --output RUNS [--rivals-python PYTHON]
        [--minutes 5] [--seeds 3] [--set PLACE=VALUE] [--results FILE]

FILE has lists of items in order: a row a user with `user` and `items`, as of
`examples.next_item.rows`, or a row for each element, with `user`, `step`, the `items` before it and
the `next` one. The last item of each list is the answer, the one before it is for eval, and all
items are ranked. `new_only` leaves out what the user's list has already.

Ours is examples/next_item/spec.yaml, trained, exported and asked with `exclude`; `--set` changes
it. SASRec (benchmarks/recommend_sasrec.py) trains as long as `--minutes` says, or as ours took, if
that was longer; it ends earlier where it gets no better. Seconds are those of training with the
evaluations on eval that choose the weights; ours has those of prepare too. Everything but the seed
is the same in each run. The last line is one JSON object: means over the seeds, and `spread`, the
standard deviation of HR@10.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import log2
from pathlib import Path
from statistics import mean, stdev

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from pipeline.failures import Exit, Failure, main
from pipeline.folders.model import ModelFolder
from pipeline.folders.output import Output
from pipeline.processor import processor
from pipeline.spec.file import add_set
from serving import Scorer

SPEC = Path(__file__).parent.parent / "examples" / "next_item" / "spec.yaml"
SASREC = Path(__file__).with_name("recommend_sasrec.py")
HEAD = "next"
K = 10
# Of the count: steps between two items, what a step further back counts, and the other direction.
REACH, DECAY, BACKWARDS = 3, 0.7, 0.5
# A list has something to learn from, an answer for eval, and one for test.
SHORTEST = 3

Lists = Sequence[Sequence[str]]
Figures = dict[str, float]
# The K best of each list, among all items and among those that the list has not.
Best = Mapping[str, Lists]


def lists_in(path: Path) -> list[list[str]]:
    """Raises Failure."""
    if not path.is_file():
        raise Failure(Exit.USAGE, "--rows must be a file", received=path)
    rows = pq.read_table(path) if path.suffix == ".parquet" else pyarrow.json.read_json(path)
    found = whole(rows) if "next" in rows.column_names else rows["items"].to_pylist()
    return [items for items in found if len(items) >= SHORTEST]


def whole(rows: pa.Table) -> list[list[str]]:
    """The list of each user, put together from a row for each of its elements but the first.

    >>> first = {"user": "a", "step": 1, "items": ["x"], "next": "y"}
    >>> second = {"user": "a", "step": 2, "items": ["x", "y"], "next": "z"}
    >>> whole(pa.Table.from_pylist([second, first]))
    [['x', 'y', 'z']]
    """
    lists: dict[str, list[str]] = {}
    for row in rows.sort_by([("user", "ascending"), ("step", "ascending")]).to_pylist():
        lists.setdefault(row["user"], list(row["items"])).append(row["next"])
    return list(lists.values())


def quality(best: Lists, answers: Sequence[str]) -> Figures:
    """
    >>> quality([["a", "b"], ["c"]], ["b", "d"])
    {'hr@5': 0.5, 'hr@10': 0.5, 'ndcg@10': 0.3155}
    """
    ranks = [own.index(a) + 1 if a in own else K + 1 for own, a in zip(best, answers, strict=True)]
    found = {f"hr@{k}": mean(rank <= k for rank in ranks) for k in (5, K)}
    found[f"ndcg@{K}"] = mean(1 / log2(rank + 1) if rank <= K else 0.0 for rank in ranks)
    return {name: round(float(value), 4) for name, value in found.items()}


def neighbours(lists: Lists) -> Best:
    """What stood near the last item of a list in other lists, most often first; then what is
    frequent."""
    counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for items in (whole[: -SHORTEST + 1] for whole in lists):
        for step in range(1, REACH + 1):
            for one, other in zip(items, items[step:], strict=False):
                counts[one][other] += DECAY ** (step - 1)
                counts[other][one] += BACKWARDS * DECAY ** (step - 1)
    frequent = [item for item, _ in Counter(i for own in lists for i in own[:-2]).most_common()]
    found: dict[str, list[list[str]]] = {"all": [], "new_only": []}
    for history in (whole[:-1] for whole in lists):
        of = counts[history[-1]]
        near = sorted(of, key=of.__getitem__, reverse=True)
        for what, barred in (("all", set[str]()), ("new_only", set(history))):
            found[what].append(_first(near, frequent, barred))
    return found


def _first(near: Sequence[str], frequent: Sequence[str], barred: set[str]) -> list[str]:
    best = dict.fromkeys(item for item in near if item not in barred)
    for item in frequent:
        if len(best) >= K:
            break
        if item not in barred:
            best.setdefault(item)
    return list(best)[:K]


def sasrec(
    path: Path, options: argparse.Namespace, minutes: float, seed: int
) -> tuple[Best, Figures]:
    """What it gives, and what it took."""
    output = options.output / f"sasrec-{seed}.json"
    command = [options.rivals_python, str(SASREC), "--lists", str(path), "--output", str(output)]
    command += ["--minutes", str(minutes), "--seed", str(seed)]
    subprocess.run(command, check=True, stdout=sys.stderr)
    found = json.loads(output.read_text(encoding="utf-8"))
    return found["best"], {"seconds": found["seconds"]}


def prepared(path: Path, options: argparse.Namespace) -> Path:
    output = Output(options.output).data.path
    changed = [word for setting in options.set for word in ("--set", setting)]
    _stage("pipeline.prepare", "--spec", SPEC, "--input", path, "--output", output, *changed)
    return output


def trained(data: Path, options: argparse.Namespace, seed: int) -> tuple[ModelFolder, Figures]:
    """The exported file, and what it took."""
    output = Output(options.output / f"ours-{seed}")
    run, model = output.run, output.model
    _stage("trainer.task", "--data", data, "--output", run.path, f"--training.seed={seed}")
    _stage("serving.export", "--run", run.path, "--output", model.path)
    facts = run.manifest.facts
    costs = {"seconds": "cost", "prepare_seconds": "prepared_at_cost"}
    return model, {name: float(facts[cost]["seconds"]) for name, cost in costs.items()}


def recommended(model: ModelFolder, lists: Lists) -> Best:
    """What the exported file gives."""
    histories = [list(items[:-1]) for items in lists]
    users = [str(at) for at in range(len(lists))]
    rows = pa.table({"user": users, "items": histories, "own": histories})
    scorer = Scorer(model.model)
    asked = {"all": scorer.score(rows, K), "new_only": scorer.score(rows, K, exclude="own")}
    return {what: found[f"{HEAD}.labels"].to_pylist() for what, found in asked.items()}


def _stage(*command: object) -> None:
    subprocess.run([sys.executable, "-m", *map(str, command)], check=True, stdout=sys.stderr)


def measured(best: Best, lists: Lists, costs: Figures) -> Figures:
    answers = [items[-1] for items in lists]
    new_only = quality(best["new_only"], answers)
    return {
        **quality(best["all"], answers),
        **{f"new_only_{name}": value for name, value in new_only.items()},
        **{name: round(value, 1) for name, value in costs.items()},
    }


def averaged(runs: Sequence[Figures]) -> Figures:
    found = {name: round(mean(one[name] for one in runs), 4) for name in runs[0]}
    hits = [one[f"hr@{K}"] for one in runs]
    return found | ({"spread": round(stdev(hits), 4)} if len(runs) > 1 else {})


def compared(lists: Lists, options: argparse.Namespace) -> dict[str, Figures]:
    """Each contestant's figures. What RUNS has of ours already is not done again."""
    path = options.output / "lists.jsonl"
    rows = ({"user": str(at), "items": items} for at, items in enumerate(lists))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    runs: dict[str, list[Figures]] = defaultdict(list)

    def tell(who: str, best: Best, costs: Figures) -> None:
        runs[who].append(measured(best, lists, costs))
        print(json.dumps({who: runs[who][-1]}), flush=True)

    started = time.monotonic()
    counted = neighbours(lists)
    tell("neighbours", counted, {"seconds": time.monotonic() - started})
    data = prepared(path, options)
    for seed in range(1, options.seeds + 1):
        model, costs = trained(data, options, seed)
        tell("ours", recommended(model, lists), costs)
        if options.rivals_python:
            minutes = max(options.minutes, costs["seconds"] / 60)
            tell("sasrec", *sasrec(path, options, minutes, seed))
    return {who: averaged(of) for who, of in runs.items()}


def run(arguments: Sequence[str]) -> None:
    """The command. Its last line is one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recommend")
    parser.add_argument("--rows", type=Path, required=True, help="a .jsonl or .parquet file")
    parser.add_argument("--output", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--rivals-python", help="a Python that has torch")
    parser.add_argument("--minutes", type=float, default=5.0, help="of training (5)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--results", type=Path, help="where the last line goes, too")
    add_set(parser)
    options = parser.parse_args(arguments)
    lists = lists_in(options.rows)
    options.output.mkdir(parents=True, exist_ok=True)
    contestants = compared(lists, options)
    ours = contestants["ours"][f"hr@{K}"]
    figures = {
        "benchmark": "recommend",
        "processor": processor(),
        "users": len(lists),
        "items": len({item for items in lists for item in items}),
        "minutes": options.minutes,
        "seeds": options.seeds,
        **{
            f"times_{who}": round(ours / of[f"hr@{K}"], 3)
            for who, of in contestants.items()
            if who != "ours" and of[f"hr@{K}"]
        },
        "contestants": contestants,
    }
    if options.results:
        options.results.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures))


if __name__ == "__main__":
    main(run)
