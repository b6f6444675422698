"""The picture shows each weight once and hides no line behind a box."""

from itertools import product
from pathlib import Path

import pytest

from examples import made_up_rows
from pipeline.spec import Spec
from pipeline.spec.file import read_spec
from serving.reporting.picture import BOX_WIDTH, Picture, picture

EXAMPLES = Path(made_up_rows.__file__).parent
SPECS = sorted(EXAMPLES.glob("*.yaml")) + sorted(EXAMPLES.glob("*/spec.yaml"))


def drawn(spec: Spec) -> Picture:
    weights = {
        "tables": {f"table.{n}/embeddings": [12, 5] for n in spec.vocabularies},
        **{f"shared.{n}": {"a/kernel": [5, 8], "a/bias": [8]} for n in spec.shared},
        "trunk": {"trunk.0/kernel": [20, 8]},
        "heads": {f"{n}.kernel": [3, 8] for n in spec.heads},
    }
    return picture(spec, weights)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.parent.name + path.stem)
def test_every_input_head_and_shared_block_is_drawn_once(path: Path) -> None:
    spec = read_spec(path)
    keys = [placed.box.key for placed in drawn(spec).boxes]
    assert len(keys) == len(set(keys))
    wanted = [f"{k} {n}" for k in ("input", "head") for n in getattr(spec, f"{k}s")]
    assert {*wanted, *(f"shared {name}" for name in spec.shared)} <= set(keys)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.parent.name + path.stem)
def test_no_box_covers_another(path: Path) -> None:
    boxes = drawn(read_spec(path)).boxes
    for one, other in product(boxes, boxes):
        if one is not other and one.x == other.x:
            assert one.y + one.box.height <= other.y or other.y + other.box.height <= one.y


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.parent.name + path.stem)
def test_a_line_that_passes_columns_crosses_no_box(path: Path) -> None:
    seen = drawn(read_spec(path))
    for start, before, end, after, turn in seen.lines:
        for placed in seen.boxes:
            y = before if placed.x < turn else after
            between = start < placed.x and placed.x + BOX_WIDTH < end
            assert not (between and placed.y < y < placed.y + placed.box.height)


def test_shared_weights_count_once() -> None:
    seen = drawn(read_spec(EXAMPLES / "next_identifier" / "spec.yaml"))
    shared = [placed.box for placed in seen.boxes if placed.box.kind == "shared"]
    assert [box.weights for box in shared] == [5 * 8 + 8]
    assert seen.total == 2 * 12 * 5 + 48 + 20 * 8 + 4 * 3 * 8
