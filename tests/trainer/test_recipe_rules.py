"""The rules of the recipe: what they fill in, and that what a spec says stays as it is."""

from dataclasses import replace

import pytest

from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from trainer.recipe.rules import (
    DEEPER,
    MANY_MEMBERS,
    MEMBERS,
    MEMORY_ALONE,
    Facts,
    batch_size,
    first,
    groups,
    in_order,
    moves,
    widths,
)

OPEN = """
name: open
vocabularies: {word: {}, place: {}, label: {size: 25_000}}
inputs:
  word: {kind: category, vocabulary: word}
  before: {kind: sequence, vocabulary: word, length: 3}
  place: {kind: category, vocabulary: place}
  age: {kind: number}
heads: {label: {kind: classification, vocabulary: label}, bought: {kind: binary}}
split: {by: hash, columns: [age]}
"""
FEW = Facts(4_000, {"word": 40, "place": 9_000, "label": 12}, {"label": 13, "bought": 1}, ids=100)
MANY = Facts(
    400_000,
    {"word": 40, "place": 9_000, "label": 20_000},
    {"label": 20_001, "bought": 1},
    ids=9_040,
    products="bfloat16",
)


def spec(*settings: str) -> Spec:
    return parse_spec(OPEN, settings=settings)


def test_nothing_is_left_open_and_the_same_counts_give_the_same_settings() -> None:
    for facts in (FEW, MANY):
        found = first(spec(), facts)
        assert not found.training.auto and found.training.minutes is None
        assert found.trunk.layers
        assert parse_spec(found.to_json()) == found == first(spec(), facts)


def test_many_labels_are_sampled_in_the_type_that_is_fastest_here() -> None:
    many, few = first(spec(), MANY).training, first(spec(), FEW).training
    assert many.sampled is not None and many.precision == "bfloat16"
    assert few.sampled is None and few.precision == "float32"
    assert many.schedule == few.schedule == "linear"
    assert many.epochs < few.epochs and many.batch_size > few.batch_size


def test_a_head_with_label_smoothing_is_sampled_too() -> None:
    smooth = spec("heads.label.label_smoothing=0.1")
    assert first(smooth, MANY).training.sampled is not None


@pytest.mark.parametrize("facts", [FEW, MANY])
def test_what_is_said_wins_in_the_rules_and_in_every_move(facts: Facts) -> None:
    said = spec(
        "training.epochs=7",
        "training.weight_decay=null",
        "training.sampled=null",
        "trunk.layers=[5]",
        "inputs.place.embedding=3",
    )
    found = first(said, facts)
    for one in (found, *(move.spec for move in moves(said, found, facts.labels))):
        assert (one.training.epochs, one.training.weight_decay) == (7, None)
        assert one.training.sampled is None
        assert [layer.units for layer in one.trunk.layers] == [5]
        assert one.inputs["place"].lookup("place").width == 3  # type: ignore[union-attr]


def test_each_move_changes_something_and_all_are_valid_specs() -> None:
    found = first(spec(), FEW)
    moved = list(moves(spec(), found, FEW.labels))
    assert len({move.spec.to_json() for move in moved} | {found.to_json()}) == len(moved) + 1
    assert len({move.name for move in moved}) == len(moved)
    assert all(not move.spec.training.auto for move in moved)


def test_embeddings_of_one_table_or_through_one_block_have_one_size() -> None:
    assert widths(spec(), FEW) == {"word": 8, "before": 8, "place": 32}
    shared = spec("shared.both.units=6", "inputs.before.through=both", "inputs.place.through=both")
    assert groups(shared.lookups()) == [["word", "before", "place"]]
    assert set(widths(shared, FEW).values()) == {32}
    said = spec("inputs.word.embedding=6", "inputs.before.embedding=6")
    assert widths(said, FEW) == {"place": 32}


def test_small_tables_have_small_batches() -> None:
    sizes = [batch_size(rows) for rows in (10, 1_000, 10_000, 100_000, 10**7)]
    assert sizes == sorted(sizes) and sizes[0] == 32 and sizes[-1] == 1024


def test_what_learns_by_heart_is_held_back() -> None:
    """Vectors of ids decay; where an id has few rows they see these less often, in shorter steps,
    and are short."""
    numbers, ids = replace(FEW, ids=0), replace(FEW, ids=2_000)
    rates = [first(spec(), facts).training.learning_rate for facts in (numbers, FEW, ids)]
    assert rates[0] == rates[1] > rates[2]
    assert max(widths(spec(), FEW).values()) > max(widths(spec(), ids).values())
    decays = [first(spec(), facts).training.weight_decay or 0 for facts in (numbers, FEW, ids)]
    assert decays[0] < decays[1] == decays[2]
    epochs = [first(spec(), facts).training.epochs for facts in (numbers, FEW, ids)]
    assert epochs[0] == epochs[1] > epochs[2]


def test_moves_that_failed_come_later_and_others_as_the_best_run_ended() -> None:
    moved = list(moves(spec(), first(spec(), FEW), FEW.labels))
    assert in_order(moved, {}, {}, early=True)[0].name == "lower rate"
    assert in_order(moved, {}, {}, early=False)[0].name == DEEPER
    assert in_order(moved, {DEEPER: 1}, {}, early=False)[-1].name == DEEPER


def test_a_change_that_helped_lets_the_next_one_go_first_and_then_comes_again() -> None:
    names = [
        m.name for m in in_order(moves(spec(), first(spec(), FEW), FEW.labels), {}, {}, early=False)
    ]
    helped = [
        [
            m.name
            for m in in_order(moves(spec(), first(spec(), FEW), FEW.labels), {}, of, early=False)
        ]
        for of in ({DEEPER: 1}, {DEEPER: 1, "more epochs": 1})
    ]
    assert names[:2] == [DEEPER, "more epochs"]
    assert [one[0] for one in helped] == ["more epochs", DEEPER]


def test_layers_are_added_with_the_steps_that_they_need_and_only_to_a_narrow_one() -> None:
    narrow = first(spec(), FEW)
    deep = {move.name: move.spec for move in moves(spec(), narrow, FEW.labels)}[DEEPER]
    assert len(deep.trunk.layers) > len(narrow.trunk.layers) == 1
    assert deep.training.epochs * deep.training.learning_rate == pytest.approx(
        narrow.training.epochs * narrow.training.learning_rate
    )
    for wide in (deep, first(spec(), MANY)):
        assert DEEPER not in [move.name for move in moves(spec(), wide, FEW.labels)]


def test_members_are_tried_where_answers_are_few_and_go_with_their_layers() -> None:
    """A large softmax for every member would cost more than they bring."""
    one = first(spec(), FEW)
    several = {move.name: move.spec for move in moves(spec(), one, FEW.labels)}[MEMBERS]
    assert several.trunk.members == MANY_MEMBERS and one.trunk.members == 1
    names = {move.name: move.spec for move in moves(spec(), several, FEW.labels)}
    assert MEMBERS not in names and names["no layer"].trunk.members == 1
    assert MEMBERS not in [m.name for m in moves(spec(), first(spec(), MANY), MANY.labels)]
    said = spec("trunk.members=3")
    with_three = first(said, FEW)
    assert {move.spec.trunk.members for move in moves(said, with_three, FEW.labels)} == {3}


def test_a_network_that_reads_nothing_has_no_layers_and_nothing_to_try() -> None:
    said = spec("trunk=none")
    found = first(said, FEW)
    assert found.trunk == said.trunk and not list(moves(said, found, FEW.labels))


def test_elements_of_lists_count_as_rows() -> None:
    """An epoch over lists sees each element: as many of them to a step and as often as rows."""
    lists = replace(MANY, rows=40_000, targets=400_000)
    found, rows = first(spec(), lists).training, first(spec(), MANY).training
    assert (found.epochs, found.batch_size) == (rows.epochs, 64)
    assert 10 * found.batch_size <= rows.batch_size < 20 * found.batch_size
    assert first(spec(), replace(lists, rows=400)).training.batch_size == 32
    assert not replace(MANY, rows=1_000, targets=100_000).ids_are_rare


def test_rows_without_a_target_do_not_count() -> None:
    """What has few targets in many rows is passed over as often as few rows, and a batch holds as
    many targets as there."""
    few = replace(MANY, rows=4_000)
    rare, whole = (first(spec(), facts).training for facts in (replace(MANY, targets=4_000), few))
    assert rare.epochs == whole.epochs > first(spec(), MANY).training.epochs
    assert rare.batch_size > whole.batch_size


def test_memories_alone_are_tried_where_nothing_else_needs_the_network() -> None:
    counts = "memory.by_word.of=[word]"
    said = spec(counts, "heads.label.memory=[by_word]")
    alone = {move.name: move.spec for move in moves(said, first(said, FEW), FEW.labels)}[
        MEMORY_ALONE
    ]
    assert alone.read() == {}
    assert alone.memories == said.memories
    for more in (
        ("trunk.dropout=0.2",),
        ("heads.bought.inputs=[age]",),
        ("shared.both.units=6", "inputs.place.through=both"),
    ):
        said = spec(counts, "heads.label.memory=[by_word]", *more)
        names = [move.name for move in moves(said, first(said, FEW), FEW.labels)]
        assert (MEMORY_ALONE in names) == (more[0].startswith("heads")), more
    assert MEMORY_ALONE not in [move.name for move in moves(spec(), first(spec(), FEW), FEW.labels)]
