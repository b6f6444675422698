"""Learning a part of an earlier run: what stands still scores to the bit as before, in the file."""

import itertools
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder
from pipeline.folders.run import RunFolder
from pipeline.prepare import prepare
from pipeline.spec.file import parse_spec
from serving import export
from serving.scorer import Scorer
from trainer import task

SPEC = parse_spec("""
name: daily
weight: often
vocabularies: {user: {min_count: 2}, item: {}, product: {}, tag: {}, kind: {values: [a, b, c]}}
shared: {common: {units: 6}}
inputs:
  user: {kind: category, vocabulary: user, embedding: 4, through: common}
  items: {kind: sequence, vocabulary: item, length: 3, embedding: 4, through: common}
  paid: {kind: flag}
  amount: {kind: number, scale: log}
  band: {kind: number, column: amount, scale: buckets, buckets: 4, embedding: 2}
  both: {kind: cross, of: [user, paid], size: 60, min_count: 2, embedding: 3}
memory:
  by_user: {of: [user, paid]}
  by_last: {of: [items.last], reach: 2}
trunk: {layers: [8]}
heads:
  kind: {kind: classification, vocabulary: kind, memory: [by_user, by_last]}
  product: {kind: classification, vocabulary: product}
  tags: {kind: multilabel, vocabulary: tag}
  price: {kind: regression, memory: [by_user]}
split: {by: hash, columns: [row], eval: 0.25, test: 0}
training: {epochs: 2, batch_size: 64, learning_rate: 0.02, weight_decay: 0.01, schedule: linear}
""")
INPUTS = ["user", "items", "paid", "amount"]
# Of these heads no label is new.
CLOSED = ("kind", "price")


def day(first: int, rows: int, users: tuple[int, int], labels: int) -> pa.Table:
    """Rows numbered from `first`, with some users and so many labels."""
    draw = np.random.default_rng(first)
    user = draw.integers(*users, rows)
    paid = draw.random(rows) < 0.5
    label = (user * 3 + paid) % labels
    some = [None if one % 13 == 0 else f"u{one}" for one in user.tolist()]
    items = [[f"i{(x + back) % (users[1] + 2)}" for back in range(x % 4)] for x in user.tolist()]
    return pa.table(
        {
            "row": [str(first + at) for at in range(rows)],
            "user": pa.array(some, pa.string()),
            "items": pa.array(items, pa.list_(pa.string())),
            "paid": paid,
            "amount": draw.lognormal(first / 1000, 1, rows),
            "often": draw.choice([0.5, 1.0, 2.0], rows),
            "kind": [("a", "b", "c")[x % 3] for x in label.tolist()],
            "product": [f"p{x}" for x in label.tolist()],
            "tags": [[f"t{x % 5}", f"t{x}"] for x in label.tolist()],
            "price": label + draw.normal(size=rows),
        }
    )


class Days:
    """The folders of two days, the second with a run in which only new ids learn."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        first, second = day(1, 700, (0, 20), 7), day(2000, 400, (15, 30), 11)
        pq.write_table(first, folder / "first.parquet")
        pq.write_table(second, folder / "second.parquet")
        self.rows = pa.concat_tables([first, second])
        prepare(SPEC, [str(folder / "first.parquet")], folder / "data-1")
        both = [str(folder / "first.parquet"), str(folder / "second.parquet")]
        earlier = folder / "data-1"
        prepare(SPEC, both, folder / "data-2", extend=earlier, keep_numbers=True)
        self._train("data-1", "before")
        self._train("data-2", "new", "--warm-start", str(folder / "before"), "--learn", "new")
        for name in ("before", "new"):
            export.run(["--run", str(folder / name), "--output", str(folder / f"{name}.model")])

    def _train(self, data: str, name: str, *more: str) -> None:
        folders = ["--data", str(self.folder / data), "--output", str(self.folder / name)]
        task.run([*folders, *more])

    def run(self, name: str) -> RunFolder:
        return RunFolder(self.folder / name)

    def scores(self, name: str) -> pa.Table:
        return Scorer(self.folder / f"{name}.model" / "model.onnx").score(self.old_rows())

    def old_rows(self) -> pa.Table:
        """Rows none of whose values, or pairs of them, has become known since."""
        said = [DataFolder(self.folder / f"data-{at}") for at in (1, 2)]

        def new(vocabulary: str) -> set[str]:
            before, now = (set(one.vocabulary(vocabulary)) for one in said)
            return now - before

        users, items, pairs = new("user"), new("item"), new("both.pairs")
        texts = zip(self.rows["user"].to_pylist(), self.rows["paid"].to_pylist(), strict=True)
        pair = [json.dumps([user, str(int(paid))]) for user, paid in texts]
        kept = [
            user not in users and not items & set(of) and own not in pairs
            for user, of, own in zip(
                self.rows["user"].to_pylist(), self.rows["items"].to_pylist(), pair, strict=True
            )
        ]
        return self.rows.filter(pa.array(kept)).select(INPUTS)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    return Days(tmp_path_factory.mktemp("learn"))


def weights(folder: RunFolder) -> dict[str, list[np.ndarray[Any, Any]]]:
    model = keras.saving.load_model(folder.keras_model, compile=False)
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def without_new(days: Days, layer: str, new: Any) -> Any:
    """An array of the second day's run without what belongs to new ids."""
    spec, name = SPEC, layer.partition(".")[2] if layer.startswith("table.") else layer
    vocabulary = name if name in spec.all_vocabularies() else None
    if layer.endswith(".logits") and layer.partition(".")[0] in spec.labels():
        vocabulary = spec.labels()[layer.partition(".")[0]].vocabulary
    if vocabulary is None:
        return new
    had, has = (len(DataFolder(days.folder / f"data-{k}").vocabulary(vocabulary)) for k in (1, 2))
    return np.delete(new, np.arange(had, has), axis=0 if layer.startswith("table.") else -1)


def test_the_second_day_has_new_ids_of_every_sort(days: Days) -> None:
    for name in ("user", "item", "product", "tag", "both.pairs"):
        before, now = (list(DataFolder(days.folder / f"data-{k}").vocabulary(name)) for k in (1, 2))
        assert now[: len(before)] == before, name
        assert len(now) > len(before), name


def test_numbers_are_kept(days: Days) -> None:
    first, second = (DataFolder(days.folder / f"data-{k}").statistics.numbers for k in (1, 2))
    assert first == second
    assert {"amount", "band", "price"} <= set(first)


def test_old_rows_score_to_the_bit_as_before_where_only_new_ids_learn(days: Days) -> None:
    before, after = days.scores("before"), days.scores("new")
    assert before.num_rows > 300
    for name in before.column_names:
        if name.partition(".")[0] in CLOSED:
            assert before[name].equals(after[name]), name


def test_nothing_else_moves_by_a_bit(days: Days) -> None:
    before, after = weights(days.run("before")), weights(days.run("new"))
    assert set(before) == set(after)
    for layer in before:
        for old, new in zip(before[layer], after[layer], strict=True):
            np.testing.assert_array_equal(old, without_new(days, layer, new), layer)


def test_new_ids_learn(days: Days) -> None:
    """Their vectors are no longer that of unknown values, which each began with."""
    for name in ("user", "item", "both.pairs"):
        had, has = (len(DataFolder(days.folder / f"data-{k}").vocabulary(name)) for k in (1, 2))
        [vectors] = weights(days.run("new"))[f"table.{name}"]
        assert (vectors[had:has] != vectors[has]).any(axis=1).mean() > 0.5, name


def test_logits_of_old_labels_stay_beside_new_labels(days: Days) -> None:
    """The probabilities cannot: they sum to one with the new labels. Their ratios stay, as far as
    float32 holds them."""
    before, after = days.scores("before"), days.scores("new")
    known = set(DataFolder(days.folder / "data-1").vocabulary("product"))
    compared = 0
    for old, new in zip(before.to_pylist(), after.to_pylist(), strict=True):
        was = dict(zip(old["product.labels"], old["product.scores"], strict=True))
        now = dict(zip(new["product.labels"], new["product.scores"], strict=True))
        both = [label for label in was if label in now and label in known]
        for one, other in itertools.pairwise(both):
            assert now[one] / now[other] == pytest.approx(was[one] / was[other], rel=1e-4)
            compared += 1
    assert compared > 300


def test_labels_that_are_each_a_yes_or_no_keep_their_scores(days: Days) -> None:
    before, after = days.scores("before"), days.scores("new")
    known = set(DataFolder(days.folder / "data-1").vocabulary("tag"))
    for old, new in zip(before.to_pylist(), after.to_pylist(), strict=True):
        was = dict(zip(old["tags.labels"], old["tags.scores"], strict=True))
        now = dict(zip(new["tags.labels"], new["tags.scores"], strict=True))
        assert all(now[label] == was[label] for label in set(was) & set(now) & known)


def test_an_old_memory_stays_and_new_ids_are_counted(days: Days) -> None:
    before, after = (
        days.run("before").memory("by_user", "kind"),
        days.run("new").memory("by_user", "kind"),
    )
    assert len(after.keys) > len(before.keys)
    assert after.unit == before.unit
    counted = DataFolder(days.folder / "data-2").memory("by_user", "kind")
    assert after.totals.sum() < counted.totals.sum()
    said = days.run("new").statistics.memory["by_user"]["kind"]
    assert said["values"] == len(after.keys)


def test_what_would_change_more_is_refused(days: Days, tmp_path: Path) -> None:
    prepare(SPEC, [str(days.folder / "second.parquet")], tmp_path / "other")
    command = ["--data", str(tmp_path / "other"), "--output", str(tmp_path / "run")]
    command += ["--warm-start", str(days.folder / "before"), "--learn", "new"]
    with pytest.raises(Failure, match="prepare with --extend and --keep-numbers") as failure:
        task.run(command)
    assert failure.value.exit_code == Exit.USAGE
    with pytest.raises(Failure, match=r"RUN/spec\.json.*'trunk'"):
        task.run([*command, "--set", "trunk.layers=[9]"])
