"""Fold-in of a thousand new ids: `pipeline.update --learn new` beside training anew.

    python -m benchmarks.fold_in --output RUNS [--new 1000] [--old 5000] [--set PLACE=VALUE]

Made-up rows: 25 of each item, and what is predicted of a row depends on its item and a little on
its user. A model is trained on the rows of 5,000 items; then those of 1,000 others come, of which a
fifth is held out by the split, so that 20 rows of each are learned from. The update trains the new
items' vectors alone; all else stays as it is, to the bit. The other model is trained anew from all
rows. Both files are measured on 5 further rows of each new item, and on as many of old ones.
Seconds are as in benchmarks.updates. The last line is one JSON object.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from benchmarks.updates_model import Updated, compared, file_of
from benchmarks.updates_rows import numbered
from benchmarks.updates_stages import Stages
from pipeline.failures import main
from pipeline.manifest import write_text

USERS, LABELS = 500, 40
LEARNED, MEASURED = 25, 5
SPEC = """
name: fold_in
keys: [row]
vocabularies: {user: {}, item: {size: 50_000}, label: {}}
shared: {common: {units: 64}}
inputs:
  item: {kind: category, vocabulary: item, embedding: 32, through: common}
  user: {kind: category, vocabulary: user, embedding: 16}
heads: {label: {kind: classification, vocabulary: label}}
trunk: {layers: [128], dropout: 0.1}
split: {by: hash, columns: [row], eval: 0.1, test: 0.1}
training: {epochs: 12, batch_size: 256, patience: 2}
"""


def run(arguments: Sequence[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fold_in")
    parser.add_argument("--output", type=Path, required=True, help="a folder to work in")
    parser.add_argument("--new", type=int, default=1_000, help="new items (1000)")
    parser.add_argument("--old", type=int, default=5_000, help="items of the first run (5000)")
    parser.add_argument("--set", nargs="+", default=[], help="settings of the update")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    stages = Stages(options.output / "stages.log")
    with stages.at_work():
        model = Updated(options.output, stages)
        said = measured(model, options.old, options.new, options.set)
    print(json.dumps({"benchmark": "fold_in", **said}))


def measured(model: Updated, old: int, new: int, settings: Sequence[str] = ()) -> dict[str, Any]:
    """What both ways cost, and the losses of the files on rows that neither has seen."""
    tastes = Tastes(old + new)
    write_text(model.folder / "spec.yaml", SPEC)
    files = {name: model.folder / f"{name}.csv" for name in ("old", "new", "of_old", "of_new")}
    first, after = np.arange(old), np.arange(old, old + new)
    given = (first, LEARNED), (after, LEARNED), (first[:new], MEASURED), (after, MEASURED)
    at = 0
    for file, (items, each) in zip(files.values(), given, strict=True):
        pyarrow.csv.write_csv(tastes.rows(items, each, at), file)
        at += len(items) * each
    both, other = [files["old"], files["new"]], model.folder / "anew"
    base = model.anew(both[:1], model.out)
    folded = model.update(both, "new", settings)
    anew = model.anew(both, other)
    losses = {}
    for rows in ("of_new", "of_old"):
        one = compared(model.served, file_of(other), files[rows])["heads"]["label"]
        losses[f"rows_{rows}_items"] = {
            "log_loss_folded_in": one["a"],
            "log_loss_anew": one["b"],
            "more": one["a"] / one["b"] - 1,
        }
    return {
        "old_items": old,
        "new_items": new,
        "decision": folded["decision"],
        "fold_in": {**folded["update"], "train": folded["stages"]["train"]},
        "anew": anew._asdict(),
        "first_run": base._asdict(),
        **losses,
    }


class Tastes:
    """Made-up labels: each item has two of its own, and each user one that comes now and then."""

    def __init__(self, items: int) -> None:
        draw = np.random.default_rng(3)
        self._of_items = draw.integers(0, LABELS, (items, 2))
        self._of_users = draw.integers(0, LABELS, USERS)

    def rows(self, items: np.ndarray, each: int, seed: int) -> pa.Table:
        """So many rows of each item, numbered from the seed on."""
        draw = np.random.default_rng(seed)
        item = draw.permutation(np.repeat(items, each))
        user, chance = draw.integers(0, USERS, len(item)), draw.random(len(item))
        own = self._of_items[item, (chance > 0.4).astype(int)]
        label = np.where(chance < 0.65, own, draw.integers(0, LABELS, len(item)))
        label = np.where(chance > 0.9, self._of_users[user], label)
        named = {"user": user, "item": item, "label": label}
        columns = {name: [f"{name} {value}" for value in of] for name, of in named.items()}
        return numbered(pa.table(columns), seed)


if __name__ == "__main__":
    main(run)
