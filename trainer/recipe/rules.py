"""Rules of the recipe: a spec with everything that `auto` leaves open, from what is counted in the
rows. And the changes of it that are worth a trial, in the order in which they are tried.

What the spec says stays as it is. Pure functions: the same counts give the same settings. Why the
rules are what they are is said in docs/training.md.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kinds.inputs.part import Lookup
from kinds.settings import Part
from pipeline.spec import Sampled, Spec, Training

Changes = dict[str, dict[str, Any]]

MINUTES = 5.0
OPEN_BLOCKS = ("training", "trunk")
# From so many outputs on a softmax is most of a step, and is sampled.
MANY_LABELS = 5_000
# A head with more labels learns a vector for each: it needs a wider layer and a longer step.
SOME_LABELS = 200
# The longest vector that a rule gives to an id, and to one of many thousands.
WIDTHS = ((16, 4), (100, 8), (1_000, 16), (10_000, 32))
WIDEST = 50
# Batches and steps: enough steps of an epoch for small tables, fast ones for large tables.
BATCHES = (32, 64, 128, 256, 512, 1024)
STEPS_OF_AN_EPOCH = 300
# Epochs by training rows: what is small is passed over more often.
EPOCHS = ((1_000, 40), (10_000, 20), (50_000, 10), (200_000, 6))
FEWEST_EPOCHS = 3
# Vectors of ids learn rows by heart: decay is strong from so many on, and epochs are half as many
# where an id has fewer rows than this. Beside few outputs their vectors are short then, and steps
# too.
SOME_IDS, ROWS_OF_AN_ID = 100, 10
SHORT = 8
MEMORY_ALONE = "the memory alone"
# Changes that come first where a run learns too much by heart, and where it learns too little.
DEEPER, MEMBERS = "three layers, longer", "eight members"
LESS = (
    *("lower rate", MEMORY_ALONE, "fewer epochs", MEMBERS, "more decay", "more dropout"),
    *("shorter embeddings", "no layer", "one layer"),
)
MORE = (
    *(DEEPER, "more epochs", "lower rate", MEMBERS, "two layers"),
    *("less decay", "wider layers", "longer embeddings"),
)
DEEP_UNITS = 256
MANY_MEMBERS = 8
# So many places back goes what has helped, each time.
PLACES_BACK = 2


@dataclass(frozen=True)
class Facts:
    """What is counted before anything is chosen.

    rows: of the train split
    entries: values of each vocabulary
    ids: values that have an embedding
    outputs: of each head
    targets: how many the head with most of them has: rows without one have none, and a list whose
        elements are predicted has many
    products: the type in which this machine multiplies large matrices fastest
    """

    rows: int
    entries: Mapping[str, int]
    outputs: Mapping[str, int]
    ids: int = 0
    products: str = "float32"
    targets: int = 0

    @property
    def labels(self) -> int:
        """Outputs of the largest head."""
        return max(self.outputs.values())

    @property
    def seen(self) -> int:
        """What an epoch learns from: targets, or rows where these are not counted."""
        return self.targets or self.rows

    @property
    def ids_are_rare(self) -> bool:
        return self.ids * ROWS_OF_AN_ID > self.seen


@dataclass(frozen=True)
class Move:
    """A change of a spec that may make it better: `takes` times as long."""

    name: str
    spec: Spec
    takes: float = 1.0


def first(spec: Spec, facts: Facts) -> Spec:
    """The spec with all that is open in it, as the rules have it."""
    changes = {"training": training(facts), "trunk": trunk(facts)}
    if changes["training"]["sampled"] and not may_sample(spec):
        changes["training"]["sampled"] = None
    return filled(spec, spec, changes, widths(spec, facts))


def as_before(spec: Spec, earlier: Spec) -> Spec:
    """The spec with all that is open in it as an earlier run had it, whose weights it takes."""
    changes = {name: getattr(earlier, name).model_dump(mode="json") for name in OPEN_BLOCKS}
    widths = {n: one.width for n, one in earlier.lookups().items() if n in spec.inputs}
    return filled(spec, spec, changes, widths)


def may_sample(spec: Spec) -> bool:
    """Whether all heads go with sampled classes."""
    try:
        for name, head in spec.heads.items():
            head.check(name, Training(sampled=Sampled()))
    except ValueError:
        return False
    return True


def training(facts: Facts) -> dict[str, Any]:
    many, some = facts.labels >= MANY_LABELS, facts.labels >= SOME_LABELS
    batch = rows_of_a_batch(facts)
    epochs = next((e for most, e in EPOCHS if facts.seen < most), FEWEST_EPOCHS)
    if facts.ids_are_rare:
        epochs = max(FEWEST_EPOCHS, epochs // 2)
    steps = epochs * -(-facts.rows // batch)
    return {
        "epochs": epochs,
        "batch_size": batch,
        "learning_rate": 0.007 if some else 0.002 if facts.ids_are_rare else 0.005,
        "schedule": "linear",
        "warmup_steps": min(50, steps // 10),
        "weight_decay": 0.3 if some else 1.0 if facts.ids >= SOME_IDS else 0.1,
        "patience": patience(epochs),
        "sampled": {"negatives": 1024} if many else None,
        "precision": facts.products if some else "float32",
    }


def batch_size(rows: int) -> int:
    """
    >>> [batch_size(rows) for rows in (400, 30_000, 80_000, 1_000_000)]
    [32, 128, 256, 1024]
    """
    fitting = [size for size in BATCHES if size * STEPS_OF_AN_EPOCH <= rows * 1.3]
    return fitting[-1] if fitting else BATCHES[0]


def rows_of_a_batch(facts: Facts) -> int:
    """As many as have the targets of a batch of rows together."""
    most = batch_size(facts.seen) * facts.rows / max(1, facts.seen)
    return next((size for size in reversed(BATCHES) if size <= most), BATCHES[0])


def trunk(facts: Facts) -> dict[str, Any]:
    if facts.labels >= SOME_LABELS:
        return {"layers": [256], "dropout": 0.1}
    return {"layers": [128 if facts.seen >= 2_000 else 32], "dropout": 0.1}


def widths(spec: Spec, facts: Facts) -> dict[str, int]:
    """{input: the size of its embedding} where none is said. Inputs of one table have one size, and
    so have those that go through one shared block: that of the table with the most values."""
    found: dict[str, int] = {}
    for names in groups(spec.lookups()):
        said = [n for n in names if "embedding" in spec.inputs[n].model_fields_set]
        if said:
            width = spec.lookups()[said[0]].width
        else:
            width = max(width_of(facts.entries[spec.lookups()[n].vocabulary or ""]) for n in names)
            if facts.ids_are_rare and facts.labels < SOME_LABELS:
                width = min(width, SHORT)
        found |= dict.fromkeys(set(names) - set(said), width)
    return found


def width_of(values: int) -> int:
    """
    >>> [width_of(values) for values in (3, 50, 500, 5_000, 50_000)]
    [4, 8, 16, 32, 50]
    """
    return next((width for most, width in WIDTHS if values < most), WIDEST)


def groups(lookups: Mapping[str, Lookup]) -> list[list[str]]:
    """The inputs whose embeddings must have one size."""
    found: list[tuple[set[str], list[str]]] = []
    for name, lookup in lookups.items():
        marks = {f"table {lookup.table}"} | (
            {f"block {lookup.through}"} if lookup.through else set()
        )
        same = [group for group in found if group[0] & marks]
        joined = (marks.union(*(g[0] for g in same)), [n for g in same for n in g[1]] + [name])
        found = [group for group in found if group not in same] + [joined]
    return [names for _, names in found]


def filled(said: Spec, base: Spec, changes: Changes, embeddings: Mapping[str, int]) -> Spec:
    """`base` with changes in all that `said` leaves open: {block: {setting: value}}, and the sizes
    of embeddings by input. What comes of it leaves nothing open."""
    whole = base.model_dump(mode="json")
    for block, values in changes.items():
        given: Part = getattr(said, block)
        if block == "trunk" and said.trunk.inputs == ():
            continue  # what reads nothing has no layers
        whole[block] |= {n: v for n, v in values.items() if n not in given.model_fields_set}
    for name, width in embeddings.items():
        if "embedding" not in said.inputs[name].model_fields_set:
            whole["inputs"][name]["embedding"] = width
    whole["training"] |= {"auto": False, "minutes": None}
    return Spec.model_validate(whole)


def moves(said: Spec, best: Spec, labels: int) -> Iterator[Move]:
    """The changes of the best spec so far that are open in `said`; `labels` are the outputs of its
    largest head."""
    before = best.to_json()
    if not (best.read() or best.averaged()):
        return  # there is nothing to learn
    for name, takes, changes, embeddings in proposals(said, best, labels):
        spec = filled(said, best, changes, embeddings)
        if spec.to_json() != before:
            yield Move(name, spec, takes)
    if (alone := memory_alone(said, best)) is not None:
        yield Move(MEMORY_ALONE, alone, 0.5)


def memory_alone(said: Spec, best: Spec) -> Spec | None:
    """The spec without what learns, where memories can predict without it: there are some, and
    nothing was said of the trunk."""
    if not best.memories or said.trunk.model_fields_set:
        return None
    try:
        return Spec.model_validate(best.model_dump(mode="json") | {"trunk": "none"})
    except ValueError:
        # Something needs the network: a shared block, a head's own inputs, a table of a tied head.
        return None


def proposals(
    said: Spec, best: Spec, labels: int
) -> Iterator[tuple[str, float, Changes, Mapping[str, int]]]:
    """(what it is called, how many times as long it takes, changes, embeddings)."""
    now, none = best.training, dict[str, int]()
    units = [layer.units for layer in best.trunk.layers]
    decay, dropout = now.weight_decay or 0.03, best.trunk.dropout

    def of_training(name: str, takes: float, **settings: Any) -> Any:
        return name, takes, {"training": settings}, none

    def of_trunk(name: str, takes: float, **settings: Any) -> Any:
        return name, takes, {"trunk": settings}, none

    def epochs(name: str, times: float) -> Any:
        many = max(1, round(now.epochs * times))
        return of_training(name, times, epochs=many, patience=patience(many))

    yield of_training("more decay", 1, weight_decay=decay * 3)
    yield epochs("more epochs", 2)
    if len(units) == 1 and units[0] < DEEP_UNITS:
        yield deeper(best)
    if units and best.trunk.members == 1 and labels < SOME_LABELS and not best.along():
        yield of_trunk(MEMBERS, 2.5, members=MANY_MEMBERS)
    if len(units) == 1:
        yield of_trunk("two layers", 1.2, layers=[units[0], max(8, units[0] // 2)])
    yield of_trunk("more dropout", 1, dropout=min(0.6, round(dropout + 0.2, 1)))
    yield of_training("less decay", 1, weight_decay=decay / 3)
    if len(units) > 1:
        yield of_trunk("one layer", 1, layers=units[:1])
    elif said.trunk.members == 1:
        yield of_trunk("no layer", 1, layers=[], members=1)
    yield sizes(said, best, "longer embeddings", 1.5, 2)
    yield sizes(said, best, "shorter embeddings", 0.8, 0.5)
    yield of_training("higher rate", 1, learning_rate=now.learning_rate * 2)
    yield of_training("lower rate", 1, learning_rate=now.learning_rate / 2)
    if units:
        yield of_trunk("wider layers", 1.5, layers=[2 * u for u in units])
    yield of_training("smaller batches", 1.7, batch_size=max(16, now.batch_size // 2))
    yield of_trunk("less dropout", 1, dropout=max(0.0, round(dropout - 0.1, 1)))
    yield epochs("fewer epochs", 0.5)


def deeper(best: Spec) -> Any:
    """Three wide layers can learn what a narrow one cannot, but they need more and shorter steps:
    without these they make a run worse as often as better."""
    now = best.training
    many = 2 * now.epochs
    training = {"epochs": many, "patience": patience(many), "learning_rate": now.learning_rate / 2}
    takes = 3 if best.trunk.members == 1 else 8
    return DEEPER, takes, {"training": training, "trunk": {"layers": [DEEP_UNITS] * 3}}, {}


def patience(epochs: int) -> int:
    """As the rate falls to 0, the loss is lowest near the end, if nothing is learned by heart."""
    return max(2, epochs // 3)


def sizes(said: Spec, best: Spec, name: str, takes: float, times: float) -> Any:
    """Embeddings so many times as long."""
    found: dict[str, int] = {}
    for names in groups(said.lookups()):
        if not any("embedding" in said.inputs[n].model_fields_set for n in names):
            width = max(2, round(best.lookups()[names[0]].width * times))
            found |= dict.fromkeys(names, width)
    return name, takes, {}, found


def in_order(
    moves: Iterable[Move], failed: Mapping[str, int], helped: Mapping[str, int], *, early: bool
) -> list[Move]:
    """What has failed less often comes first, then what makes a run learn less by heart, if its
    weights were the best `early`, else what makes it learn more. What has helped lets others go
    first: twice as many epochs again and again would leave no time for anything else."""
    rank = {name: place for place, name in enumerate(LESS if early else MORE)}

    def place(move: Move) -> tuple[int, int]:
        again = PLACES_BACK * helped.get(move.name, 0)
        return failed.get(move.name, 0), rank.get(move.name, len(rank)) + again

    return sorted(moves, key=place)
