"""A picture of the model that a spec describes: boxes in columns, and the lines between them.

    inputs -> tables -> shared blocks -> products -> trunk -> heads

Shapes and counts are those of the trained variables (`weights` in the run's manifest), so that
what several inputs share is drawn once and counted once.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kinds.inputs.show import KINDS
from pipeline.spec import Input, Lookup, Spec

Line = tuple[float, float, float, float, float]
Weights = Mapping[str, Mapping[str, Sequence[int]]]
LEFT_COLUMNS, RIGHT_COLUMNS = ("input", "table", "shared"), ("product", "trunk", "head")
COLUMNS = (*LEFT_COLUMNS, *RIGHT_COLUMNS)
BOX_WIDTH, GAP_ACROSS, GAP_DOWN, LINE, PAD = 168, 46, 14, 17, 11


@dataclass(frozen=True)
class Box:
    """`kind` is its column; `weights` how many trained numbers it owns. Left of the trunk, boxes
    lie in bands by how far they go: 0 through a shared block, 1 through a table, 2 through none."""

    kind: str
    name: str
    lines: tuple[str, ...]
    weights: int = 0
    band: int = 0

    @property
    def key(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def height(self) -> int:
        return 2 * PAD + LINE * (1 + len(self.lines) + (self.weights > 0))


@dataclass(frozen=True)
class Placed:
    """A box with its upper left corner."""

    box: Box
    x: int
    y: float


@dataclass(frozen=True)
class Picture:
    """Everything placed. A line is (x, y, x, y, turn) from the right of one box to the left of
    another; it changes its height within `gap` from `turn` on."""

    width: int
    height: int
    boxes: Sequence[Placed]
    lines: Sequence[Line]
    total: int
    gap: int = GAP_ACROSS


def picture(spec: Spec, weights: Weights) -> Picture:
    """The model of a spec."""
    drawn = [*_inputs(spec), *_tables(spec, weights), *_shared(spec, weights)]
    drawn += [*_products(spec), *_trunk(spec, weights), *_heads(spec, weights)]
    placed = {p.box.key: p for p in _placed(drawn)}
    boxes = list(placed.values())
    ends = dict.fromkeys(_edges(spec))
    lines = [_line(placed[start], placed[end], boxes) for start, end in ends]
    width = max(p.x for p in placed.values()) + BOX_WIDTH
    height = math.ceil(max(p.y + p.box.height for p in placed.values()))
    total = sum(box.weights for box in drawn)
    return Picture(width, height, boxes, lines, total)


def shape(lengths: Sequence[int]) -> str:
    """
    >>> shape([10002, 50])
    '10,002 x 50'
    """
    return " x ".join(f"{length:,}" for length in lengths)


def _inputs(spec: Spec) -> Iterator[Box]:
    for name, part in spec.inputs.items():
        lines = KINDS[part.kind].lines(part)
        lines += [f"column {one}" for one in spec.input_columns(name) if one != name]
        yield Box("input", name, tuple(lines), band=_input_band(part, name))


def _input_band(part: Input, name: str) -> int:
    return 0 if part.block(name) else _band(part.lookup(name))


def _tables(spec: Spec, weights: Weights) -> Iterator[Box]:
    own = {
        n.removeprefix("table.").lstrip(".").removesuffix("/embeddings"): s
        for n, s in [*weights.get("tables", {}).items(), *weights.get("frozen", {}).items()]
    }
    bands: dict[str, int] = {}
    for name, part in spec.read().items():
        if lookup := part.lookup(name):
            bands[lookup.table] = min(_band(lookup), bands.get(lookup.table, 1))
    for name, band in bands.items():
        lengths = own.get(name, ())
        weights_here = math.prod(lengths) if lengths else 0
        yield Box("table", name, (shape(lengths),), weights_here, band)


def _band(lookup: Lookup | None) -> int:
    if lookup is None:
        return 2
    return 0 if lookup.through else 1


def _shared(spec: Spec, weights: Weights) -> Iterator[Box]:
    for name in spec.shared:
        own = weights.get(f"shared.{name}", {})
        kernels = [shape(s) for s in own.values() if len(s) == 2]
        no_bias = len(kernels) == len(own)
        yield Box("shared", name, (*kernels, *(["no bias"] if no_bias else [])), _count(own))


def _products(spec: Spec) -> Iterator[Box]:
    for name, product in spec.products_read().items():
        numbers = {"real": "number by number", "complex": "complex numbers"}[product.form]
        yield Box("product", name, ("product", numbers))


def _trunk(spec: Spec, weights: Weights) -> Iterator[Box]:
    """What all inputs join in; what combines lists of vectors is counted here too."""
    own = weights.get("trunk", {})
    if not own and all(head.inputs for head in spec.heads.values()):
        return
    layers = {n: s for n, s in own.items() if n.startswith("trunk.") and n.endswith("/kernel")}
    kernels = [shape(s[-2:]) for s in layers.values()]
    members = [f"{spec.trunk.members} members"] if spec.trunk.members > 1 else []
    yield Box("trunk", "trunk", (*kernels, *members) or ("side by side",), _count(own))


def _heads(spec: Spec, weights: Weights) -> Iterator[Box]:
    for name, head in spec.heads.items():
        own = {n: s for n, s in weights.get("heads", {}).items() if n.startswith(f"{name}.")}
        kernels = [shape(s) for n, s in own.items() if n == f"{name}.kernel" and s[0] > 1]
        labels = head.labels()
        features = ["label features"] if labels and labels.vectors != "own" else []
        tied = [f"tied to {labels.tied}"] if labels and labels.tied else []
        lines = [head.kind, *kernels, *tied, *features]
        yield Box("head", name, tuple(lines), _count(own))


def _count(shapes: Mapping[str, Sequence[int]]) -> int:
    return sum(math.prod(lengths) for lengths in shapes.values())


def _edges(spec: Spec) -> Iterator[tuple[str, str]]:
    """Pairs of keys, each line once for all inputs that go the same way."""
    ends, of_trunk = {}, spec.read_by_trunk()
    for name, part in spec.read().items():
        way = [f"input {name}"]
        if lookup := part.lookup(name):
            way.append(f"table {lookup.table}")
        if block := part.block(name):
            way.append(f"shared {block[0]}")
        yield from pairwise(way)
        ends[name] = way[-1]
    for name, product in spec.products_read().items():
        yield from ((ends[factor], f"product {name}") for factor in product.of)
        ends[name] = f"product {name}"
    for name, head in spec.heads.items():
        for source in head.inputs:
            yield ends[source], f"head {name}"
        if not head.inputs:
            yield "trunk trunk", f"head {name}"
    if not all(head.inputs for head in spec.heads.values()):
        yield from ((ends[name], "trunk trunk") for name in of_trunk)


def _placed(boxes: Sequence[Box]) -> Iterator[Placed]:
    """The boxes by column. What does not go through a column stands below all that does, so that
    its line to the trunk crosses nothing."""
    columns = {kind: [box for box in boxes if box.kind == kind] for kind in COLUMNS}
    used = [kind for kind in COLUMNS if columns[kind]]
    at = {kind: used.index(kind) * (BOX_WIDTH + GAP_ACROSS) for kind in used}
    bands = [[box for box in boxes if box.band == n and box.kind in LEFT_COLUMNS] for n in range(3)]
    heights = [_band_height(band) for band in bands if band]
    left = sum(heights) + GAP_DOWN * (len(heights) - 1)
    whole = max(left, *(_height(columns[kind]) for kind in RIGHT_COLUMNS))
    top = (whole - left) / 2
    for band, height in zip([band for band in bands if band], heights, strict=True):
        for kind in LEFT_COLUMNS:
            own = [box for box in band if box.kind == kind]
            yield from _column(own, at.get(kind, 0), top, height)
        top += height + GAP_DOWN
    for kind in RIGHT_COLUMNS:
        yield from _column(columns[kind], at.get(kind, 0), 0.0, whole)


def _band_height(band: Sequence[Box]) -> int:
    return max(_height([box for box in band if box.kind == kind]) for kind in LEFT_COLUMNS)


def _height(boxes: Sequence[Box]) -> int:
    return sum(box.height for box in boxes) + GAP_DOWN * max(len(boxes) - 1, 0)


def _column(boxes: Sequence[Box], x: int, top: float, height: float) -> Iterator[Placed]:
    """The boxes one under the other, in the middle of the height."""
    y = top + (height - _height(boxes)) / 2
    for box in boxes:
        yield Placed(box, x, y)
        y += box.height + GAP_DOWN


def _line(start: Placed, end: Placed, boxes: Sequence[Placed]) -> Line:
    """To the trunk at the height where it starts, to a head at the height where it ends, as far as
    no box is in the way: else it changes its height between two other columns."""
    left, right = start.y + start.box.height / 2, end.y + end.box.height / 2
    x = start.x + BOX_WIDTH
    between = {placed.x - GAP_ACROSS for placed in boxes if x <= placed.x - GAP_ACROSS < end.x}
    turns = sorted(between, reverse=end.box.kind != "head")
    lines = [(x, left, end.x, right, turn) for turn in turns]
    return next((line for line in lines if not _crosses(line, boxes)), lines[0])


def _crosses(line: Line, boxes: Sequence[Placed]) -> bool:
    """Whether a line passes a column where a box stands."""
    start, left, end, right, turn = line
    return any(
        placed.y < (left if placed.x < turn else right) < placed.y + placed.box.height
        for placed in boxes
        if start < placed.x and placed.x + BOX_WIDTH < end
    )
