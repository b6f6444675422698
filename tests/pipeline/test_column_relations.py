"""What columns say of each other in an inferred spec: targets, keys, splits, vocabularies."""

import csv
import io
import json
import random
import re
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet
import pytest

from pipeline import prepare
from pipeline.failures import Exit, Failure
from pipeline.preparing import infer
from pipeline.preparing.inferring import sample
from pipeline.preparing.inferring.wishes import Wishes, asked
from pipeline.rows.csv_dialect import AS_FOUND
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec

R = random.Random
Columns: TypeAlias = dict[str, list[Any]]
TOWNS = [f"{a}{b}{c}" for a in "BDFGKLMNPRST" for b in "aeiou" for c in "LMNR"]


def _write(path: Path, columns: Mapping[str, list[Any]]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return str(path)


def _inferred(path: str, **said: Any) -> tuple[Spec, str]:
    text = infer.spec_for([path], said=Wishes(**said))
    return parse_spec(text), " ".join(line.strip(" #") for line in text.splitlines())


def _columns(**more: list[Any]) -> Columns:
    r = R(3)
    own: Columns = {"shop": r.choices("ABCD", k=600), "x": [r.random() for _ in range(600)]}
    return {**own, **more, "label": r.choices(["u", "v", "w"], k=600)}


def test_a_column_that_repeats_another_is_left_out_and_named(tmp_path: Path) -> None:
    columns = _columns()
    towns = R(1).choices(TOWNS, k=600)
    codes = {town: 700 + 13 * at for at, town in enumerate(TOWNS)}
    columns |= {"town": towns, "again": towns, "town_code": [codes[town] for town in towns]}
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("label",))
    assert set(spec.inputs) == {"shop", "x", "town"}
    assert "left out: \"again\": the same as 'town' in every row" in text
    assert "left out: \"town_code\": says what 'town' says" in text


def test_numbers_that_go_together_but_not_in_one_order_both_stay(tmp_path: Path) -> None:
    r = R(4)
    month = [r.randint(1, 36) for _ in range(600)]
    orders = [3 + (7 * number) % 37 + 0.5 for number in month]
    later = [2 * number + 1 for number in month]
    target = [50 - number + r.gauss(0, 9) for number in month]
    columns: Columns = {"orders": orders, "month": month, "later": later, "price": target}
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("price",))
    assert {"orders", "month"} <= set(spec.inputs)
    assert "left out: \"later\": says what 'month' says" in text


def test_a_column_that_gives_the_target_away_is_left_out_with_its_share(tmp_path: Path) -> None:
    columns = _columns()
    r = R(2)
    columns["verdict"] = [f"{label}{r.randint(1, 5)}" for label in columns["label"]]
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("label",))
    assert set(spec.inputs) == {"shop", "x"}
    assert 'left out: "verdict": alone it gives the target in 100.00% of the rows' in text


@pytest.mark.parametrize("values", [["no", "yes"], ["low", "middle", "high"], ["0", "1", ""]])
def test_a_column_of_parts_of_the_target_s_range_is_left_out(
    values: list[str], tmp_path: Path
) -> None:
    """Whether there was any visit, beside how many there were."""
    r = R(5)
    visits = [r.randint(0, 29) for _ in range(600)]
    bands = [values[min(len(values) - 1, one * len(values) // 30)] for one in visits]
    chance = [values[r.randint(0, len(values) - 1)] for _ in visits]
    columns: Columns = {"chance": chance, "band": bands, "visits": visits}
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("visits",))
    assert set(spec.inputs) == {"chance"}
    assert 'left out: "band": each of its values is a part of the range of the target' in text


def test_a_column_that_the_target_determines_is_told_as_doubtful(tmp_path: Path) -> None:
    """Yes or no to what the target says in more words; or the country of each city."""
    r = R(6)
    answer = [r.choice(["no", "perhaps", "yes"]) for _ in range(600)]
    columns: Columns = {
        "agrees": ["N" if one == "no" else "Y" for one in answer],
        "shop": [r.choice("AB") for _ in answer],
        "answer": answer,
    }
    path = _write(tmp_path / "a.csv", columns)
    found = infer.first([str(path)], said=Wishes(targets=("answer",)))
    assert set(parse_spec(found.text).inputs) == {"agrees", "shop"}
    assert [*found.doubts] == ["agrees"]
    said = "every value of the target has one value of it alone"
    assert found.doubts["agrees"].startswith(said)
    assert said in found.text.replace("\n  #", "")


@pytest.mark.parametrize(("name", "goes"), [("glad", False), ("very_happy", True)])
def test_a_column_named_after_the_target_whose_labels_it_groups_is_left_out(
    name: str, goes: bool, tmp_path: Path
) -> None:
    r = R(12)
    happy = [r.choice(["not", "rather", "very"]) for _ in range(600)]
    columns: Columns = {
        name: [int(one == "very") for one in happy],
        "shop": [r.choice("AB") for _ in happy],
        "happy": happy,
    }
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("happy",))
    assert (name in spec.inputs) != goes
    assert ("it is named after the target" in text) == goes


def test_whether_it_ended_is_doubtful_beside_how_long_it_took(tmp_path: Path) -> None:
    r = R(13)
    columns: Columns = {
        "age": [r.randint(40, 80) for _ in range(600)],
        "censored": [r.randint(0, 1) for _ in range(600)],
        "duration": [r.randint(5, 5_000) for _ in range(600)],
    }
    path = _write(tmp_path / "a.csv", columns)
    found = infer.first([path], said=Wishes(targets=("duration",)))
    assert [*found.doubts] == ["censored"]


@pytest.mark.parametrize(("target", "told"), [("status", ["time"]), ("label", [])])
def test_the_time_until_an_end_is_doubtful_beside_whether_it_came(
    target: str, told: list[str], tmp_path: Path
) -> None:
    r = R(7)
    columns: Columns = {
        "age": [r.randint(40, 80) for _ in range(600)],
        "time": [r.randint(5, 5_000) for _ in range(600)],
        target: [r.randint(0, 1) for _ in range(600)],
    }
    path = _write(tmp_path / "a.csv", columns)
    found = infer.first([path], said=Wishes(targets=(target,)))
    assert [*found.doubts] == told and {*parse_spec(found.text).inputs} == {"age", "time"}


@pytest.mark.parametrize("kind", ["numbers", "numbers or NA", "texts", "days"])
def test_a_column_that_has_a_value_only_with_one_label_is_left_out(
    kind: str, tmp_path: Path
) -> None:
    """The year of the death that is predicted, or a remark on it: what no row to come can have."""
    r = R(9)
    died = [r.random() < 0.15 for _ in range(900)]
    makes = {
        "numbers": lambda: str(r.randint(82, 99)),
        "numbers or NA": lambda: str(r.random()),
        "texts": lambda: r.choice(["fall", "fire", "flu"]),
        "days": lambda: f"1992-0{r.randint(1, 9)}-1{r.randint(0, 9)}",
    }
    none = "NA" if kind == "numbers or NA" else ""
    columns: Columns = {
        "age": [r.randint(20, 90) for _ in died],
        "found": [makes[kind]() if one else none for one in died],
        "death": [int(one) for one in died],
    }
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("death",))
    assert set(spec.inputs) == {"age"}
    assert "gives the target in 100.00% of the rows" in text.replace("\n  #", "")


def test_of_several_targets_the_one_that_a_column_gives_away_is_named(tmp_path: Path) -> None:
    columns = _columns()
    r = R(2)
    columns["verdict"] = [f"{label}{r.randint(1, 5)}" for label in columns["label"]]
    columns["coin"] = [r.choice(["yes", "no"]) for _ in columns["label"]]
    path = _write(tmp_path / "a.csv", columns)
    found = infer.first([path], said=Wishes(targets=("coin", "label")))
    assert found.left_out == {
        "verdict": "alone it gives 'label' in 100.00% of the rows: it may come from 'label'"
    }


def test_the_only_column_stays_though_it_gives_the_target_away(tmp_path: Path) -> None:
    columns = _columns()
    r = R(15)
    verdict = [f"{label}{r.randint(1, 5)}" for label in columns["label"]]
    path = _write(tmp_path / "a.csv", {"verdict": verdict, "label": columns["label"]})
    spec, text = _inferred(path, targets=("label",))
    assert set(spec.inputs) == {"verdict"}
    assert "Against it: alone it gives the target in 100.00% of the rows" in text


def test_a_number_that_gives_a_number_away_is_left_out_with_its_share(tmp_path: Path) -> None:
    columns = _columns()
    price = [round(R(at).lognormvariate(3, 1), 4) for at in range(600)]
    columns |= {"with_tax": [f"{1.19 * p + 0.5:.4f}" for p in price], "price": price}
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("price",))
    assert "with_tax" not in spec.inputs
    assert re.search(
        r'left out: "with_tax": alone it explains (9\d|100)\.\d+% of the variance', text
    )


@pytest.mark.parametrize("dirty", [0, 8])
@pytest.mark.parametrize("parts", [2, 3])
def test_columns_that_add_up_to_the_target_are_left_out(
    parts: int, dirty: int, tmp_path: Path
) -> None:
    """Medals of each kind, beside how many there are. A few rows have mistakes."""
    r = R(21)
    own = [[r.randint(0, 30) for _ in range(600)] for _ in range(parts)]
    whole = [sum(row) + 500 * (at < dirty) for at, row in enumerate(zip(*own, strict=True))]
    columns: Columns = {f"part_{at}": one for at, one in enumerate(own)}
    columns |= {"size": [r.random() for _ in whole], "medals": whole}
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("medals",))
    assert set(spec.inputs) == {"size"}
    formula = " + ".join(f"'part_{at}'" for at in range(parts))
    assert f'left out: "part_1": the target can be computed: {formula}' in text


@pytest.mark.parametrize(
    ("rows", "values", "twice"),
    [(900, 4, False), (1_200, 4, True), (1_200, 40, False), (2_400, 40, True)],
)
def test_few_numbers_stand_for_themselves_too_where_each_has_enough_rows(
    rows: int, values: int, twice: bool, tmp_path: Path
) -> None:
    """Codes as well as grades, of which nobody says which they are."""
    r = R(25)
    columns: Columns = {
        "grade": [r.randint(0, values - 1) for _ in range(rows)],
        "x": [r.random() for _ in range(rows)],
        "label": r.choices("uvw", k=rows),
    }
    spec, _ = _inferred(_write(tmp_path / "a.csv", columns), targets=("label",))
    assert spec.inputs["grade"].kind == "number"
    assert ("grade_each" in spec.inputs) == twice


def test_numbers_with_a_code_far_above_them_have_pieces(tmp_path: Path) -> None:
    """0 and 1 are nearly the same beside 666, but each begins a piece of its own."""
    r = R(26)
    columns = _columns(line=[r.choice([0, 1, 1, 1]) if at % 300 else 666 for at in range(600)])
    spec, _ = _inferred(_write(tmp_path / "a.csv", columns), targets=("label",))
    assert spec.inputs["line"].model_dump()["pieces"] == 32


def test_of_lopsided_numbers_the_mean_is_predicted(tmp_path: Path) -> None:
    """As the root mean squared error asks for: most weeks away from work are few, some are many."""
    weeks = [round(R(at).lognormvariate(1, 1.5), 1) for at in range(600)]
    path = _write(tmp_path / "a.csv", _columns(weeks=weeks))
    head = _inferred(path, targets=("weeks",))[0].heads["weeks"].model_dump()
    assert (head["kind"], head["scale"], head["answer"]) == ("regression", "log", "mean")


def test_parts_of_a_sum_with_something_unknown_in_it_stay(tmp_path: Path) -> None:
    r = R(22)
    own = [[r.randint(0, 30) for _ in range(600)] for _ in range(2)]
    columns: Columns = {"one": own[0], "two": own[1], "size": [r.random() for _ in range(600)]}
    columns["all"] = [a + b + r.randint(0, 3) for a, b in zip(*own, strict=True)]
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("all",))
    assert set(spec.inputs) == {"one", "two", "size"} and "computed" not in text


def test_factors_of_the_target_are_doubtful_and_those_named_after_it_go(tmp_path: Path) -> None:
    """Nobody but a person knows whether 12 pieces are known before the sum is; a price of each
    square metre is not known before the price."""
    r = R(23)
    area = [r.randint(30, 200) for _ in range(600)]
    each = [round(r.lognormvariate(6, 0.5), 2) for _ in area]
    price = [round(a * e) for a, e in zip(area, each, strict=True)]
    rooms = [r.randint(1, 6) for _ in area]
    columns: Columns = {"area": area, "each": each, "rooms": rooms, "price": price}
    path = _write(tmp_path / "a.csv", columns)
    found = infer.first([path], said=Wishes(targets=("price",)))
    assert {*parse_spec(found.text).inputs} == {"area", "each", "rooms"}
    assert found.doubts == dict.fromkeys(
        ["area", "each"], "the target can be computed: 'area' * 'each'"
    )
    columns = {"area": area, "price_per_area": each, "rooms": rooms, "price": price}
    spec, _ = _inferred(_write(tmp_path / "b.csv", columns), targets=("price",))
    assert {*spec.inputs} == {"area", "rooms"}


def test_what_a_leak_is_added_to_is_left_out_too(tmp_path: Path) -> None:
    """Whether somebody works follows from what she earns, and so from the family's income beside
    that of the others in it."""
    r = R(24)
    earns = [r.choice([0, r.randint(5, 50)]) for _ in range(900)]
    others = [r.randint(10, 90) for _ in earns]
    columns: Columns = {
        "age": [r.randint(20, 60) for _ in earns],
        "family": [a + b for a, b in zip(earns, others, strict=True)],
        "others": others,
        "earns": earns,
        "works": [int(one > 0) for one in earns],
    }
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("works",))
    assert {*spec.inputs} == {"age", "others"}
    assert "'earns', which gives the target away, can be computed: 'family' - 'others'" in text


@pytest.mark.parametrize(("name", "goes"), [("rprice", True), ("offer", False)])
def test_a_number_under_the_targets_name_goes_where_it_says_most_of_it(
    name: str, goes: bool, tmp_path: Path
) -> None:
    r, columns = R(20), _columns()
    price = [round(r.lognormvariate(3, 1), 4) for _ in range(600)]
    columns |= {name: [f"{p * r.choice((1, 1.2)):.4f}" for p in price], "price": price}
    spec, _ = _inferred(_write(tmp_path / "a.csv", columns), targets=("price",))
    assert (name in spec.inputs) != goes


def test_a_good_column_that_is_not_too_good_stays(tmp_path: Path) -> None:
    columns, r = _columns(), R(4)
    columns["hint"] = [one if r.random() < 0.9 else r.choice("uvw") for one in columns["label"]]
    spec, _ = _inferred(_write(tmp_path / "a.csv", columns), targets=("label",))
    assert "hint" in spec.inputs


def test_numbers_whose_order_the_target_follows_are_no_ids(tmp_path: Path) -> None:
    """And those are ids that have a target each, whatever their order; names say nothing here."""
    r = R(5)
    worth = {one: r.random() for one in range(60)}
    a, b = (r.choices(range(60), k=4000) for _ in range(2))
    target = [round(worth[x] + y / 60 + 0.05 * r.random(), 4) for x, y in zip(a, b, strict=True)]
    columns: Columns = {"a": a, "b": b, "out": target}
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("out",))
    kinds = {name: part.kind for name, part in spec.inputs.items()}
    # A number of few values counts for itself as well.
    assert kinds == {"a": "category", "b": "number", "b_each": "category"}
    assert "the target does not follow their order" in text
    assert "the target follows their order" in text


@pytest.mark.parametrize(
    ("most", "rows", "beside", "twice"),
    [(31, 2_000, 0, True), (31, 1_900, 0, False), (120, 3_000, 0, False), (31, 2_000, 16, False)],
)
def test_few_numbers_in_many_rows_count_for_themselves_too(
    tmp_path: Path, most: int, rows: int, beside: int, twice: bool
) -> None:
    """With a vocabulary of their own, whoever else has the same numbers."""
    r = R(11)
    columns: Columns = {"day": [1 + at % most for at in range(rows)]}
    columns |= {f"x{n}": [r.randint(1, 9) for _ in range(rows)] for n in range(beside)}
    columns |= {"out": [round(one / most + r.random(), 4) for one in columns["day"]]}
    spec, _ = _inferred(_write(tmp_path / "a.csv", columns), targets=("out",))
    assert spec.inputs["day"].kind == "number"
    assert ("day_each" in spec.inputs) == twice
    if twice:
        assert spec.inputs["day_each"].columns("day_each") == spec.inputs["day"].columns("day")
        assert spec.vocabulary_of()["day_each"] == "day_each"


def test_columns_over_the_same_values_have_one_vocabulary(tmp_path: Path) -> None:
    r = R(6)
    columns: Columns = {
        "from_town": r.choices(TOWNS, k=2000),
        "via": r.choices(TOWNS[:100], k=2000),
        "user": r.choices(range(1, 150), k=2000),
        "item": r.choices(range(1, 400), k=2000),
        "to_town": r.choices(TOWNS, k=2000),
    }
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("to_town",))
    assert spec.heads["to_town"].model_dump()["vocabulary"] == "from_town"
    own = {name: part.model_dump()["vocabulary"] for name, part in spec.inputs.items()}
    assert own == {"from_town": "from_town", "via": "from_town", "user": "user", "item": "item"}
    assert "have most of theirs in common" in text


def test_two_columns_that_never_come_together_twice_are_keys(tmp_path: Path) -> None:
    r = R(7)
    pairs = r.sample([(u, i) for u in range(60) for i in range(80)], 2000)
    columns: Columns = {
        "userId": [u for u, _ in pairs],
        "movieId": [i for _, i in pairs],
        "rating": [r.randint(1, 10) / 2 for _ in pairs],
    }
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("rating",))
    assert spec.keys == ("userId", "movieId")
    assert set(spec.inputs) == {"userId", "movieId"}
    assert getattr(spec.split, "columns", ()) == ("userId", "movieId")
    assert "no two rows have the same values of both" in text


def test_lists_of_numbers_beside_lists_weigh_their_values(tmp_path: Path) -> None:
    r = R(14)
    lines = []
    for _ in range(400):
        tags = r.sample(TOWNS, r.randint(1, 5))
        own = {"tags": tags, "shares": [round(r.random(), 2) for _ in tags]}
        lines.append(json.dumps({**own, "label": r.choice("uv")}))
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    spec, text = _inferred(str(tmp_path / "a.jsonl"))
    assert set(spec.inputs) == {"tags"}
    assert spec.inputs["tags"].model_dump()["weights"] == "shares"
    assert "left out: \"shares\": it weighs the values of 'tags'" in text


def _histories(path: Path) -> str:
    r = R(8)
    items = [f"i{at}" for at in range(90)]
    with path.open("w", encoding="utf-8") as file:
        for user in range(120):
            seen = r.choices(items, k=12)
            for step in range(1, 12):
                row = {"user": f"u{user}", "step": step, "items": seen[:step], "next": seen[step]}
                file.write(json.dumps(row) + "\n")
    return str(path)


def test_lists_of_the_targets_values_share_its_vocabulary_and_tie_the_head(tmp_path: Path) -> None:
    spec, _ = _inferred(_histories(tmp_path / "a.jsonl"))
    head = spec.heads["next"].model_dump()
    assert (head["vocabulary"], head["tied"]) == ("items", "items")
    (items, last) = (spec.inputs[name].model_dump() for name in ("items", "items_last"))
    assert (items["combine"], last["combine"], last["length"]) == ("mean", "concat", 3)


def test_what_comes_last_of_each_history_is_held_out(tmp_path: Path) -> None:
    spec, text = _inferred(_histories(tmp_path / "a.jsonl"))
    said = spec.split.model_dump()
    assert (said["by"], said["columns"], said["order"]) == ("last", ("user",), "step")
    assert "what comes last of each 'user'" in text


def test_rows_whose_lists_overlap_stay_on_one_side_where_nothing_puts_them_in_order(
    tmp_path: Path,
) -> None:
    content = Path(_histories(tmp_path / "a.jsonl")).read_text()
    rows = [json.loads(line) for line in content.splitlines()]
    lines = [json.dumps({k: v for k, v in row.items() if k != "step"}) for row in rows]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    spec, text = _inferred(str(tmp_path / "a.jsonl"))
    assert getattr(spec.split, "columns", ()) == ("user",)
    assert "user" not in spec.inputs
    assert "values that training never saw" in text


@pytest.mark.parametrize(("name", "by"), [("order_date", "time"), ("birth_date", "row")])
def test_rows_with_the_time_of_an_event_are_split_by_it(name: str, by: str, tmp_path: Path) -> None:
    days = [f"2024-{1 + at % 12:02d}-{1 + at % 28:02d}" for at in range(600)]
    spec, _ = _inferred(_write(tmp_path / "a.csv", _columns(**{name: days})), targets=("label",))
    assert spec.split.by == by


def test_rows_that_come_in_the_order_of_time_are_split_by_it(tmp_path: Path) -> None:
    days = [f"{1950 + at // 12}-{1 + at % 12:02d}-01" for at in range(600)]
    spec, _ = _inferred(_write(tmp_path / "a.csv", _columns(entry=days)), targets=("label",))
    assert spec.split.by == "time"


def test_rows_of_few_values_are_drawn_one_by_one(tmp_path: Path) -> None:
    r = R(13)
    columns = {name: r.choices("abc", k=600) for name in ("p", "q", "label")}
    spec, _ = _inferred(_write(tmp_path / "a.csv", columns), targets=("label",))
    assert spec.split.by == "row"


def test_what_is_seen_a_few_times_and_never_again_decides_the_split(tmp_path: Path) -> None:
    columns = _columns(session_id=[f"s{at // 4}" for at in range(600)])
    spec, _ = _inferred(_write(tmp_path / "a.csv", columns), targets=("label",))
    assert getattr(spec.split, "columns", ()) == ("session_id",)
    assert set(spec.inputs) == {"shop", "x"}


@pytest.mark.parametrize(
    ("values", "eval_values", "test_values"),
    [
        (["train", "train", "val", "test"], ("val",), ("test",)),
        (["Training", "Training", "Validation"], ("Validation",), ()),
        (["train", "train", "train", "test"], ("test",), ()),
        (["0", "1", "2", "3", "10"], ("3",), ("10",)),
    ],
)
def test_the_values_of_a_column_say_which_rows_are_held_out(
    values: list[str], eval_values: tuple[str, ...], test_values: tuple[str, ...], tmp_path: Path
) -> None:
    columns = _columns(fold=R(9).choices(values, k=600))
    spec, _ = _inferred(_write(tmp_path / "a.csv", columns), targets=("label",))
    said = spec.split.model_dump()
    assert (said["column"], said["eval"], said["test"]) == ("fold", eval_values, test_values)


def test_vocabularies_are_as_large_as_all_rows_need_however_they_are_sorted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file that is sorted the first rows have few of the values, and so has a small sample."""
    monkeypatch.setattr(sample, "ROWS", 1000)
    rows = [f"c{at // 3:05d}" for at in range(36_000)]
    columns = {"code": rows, "label": R(10).choices("uv", k=len(rows))}
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("label",))
    assert spec.vocabularies["code"].size >= 12_000
    assert "12,000 different" in text


def test_the_sample_comes_from_all_parts_of_all_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "ROWS", 1000)
    paths = []
    for file in range(3):
        table = pa.table({"at": [f"{file}-{at}" for at in range(9000)]})
        paths.append(str(tmp_path / f"{file}.parquet"))
        pyarrow.parquet.write_table(table, paths[-1], row_group_size=1000)
    found = sample.read(paths, AS_FOUND)
    assert (found.read, found.share) == (27_000, 1.0)
    assert 400 <= found.rows <= 1000
    parts = {tuple(map(int, cell.split("-"))) for cell in found.columns["at"].values.to_pylist()}
    assert {(file, at // 1000) for file, at in parts} == {
        (f, p) for f in range(3) for p in range(9)
    }
    assert found.columns["at"].counted.distinct == 27_000


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "jsonl"])
def test_of_files_that_are_too_large_every_part_is_read_in_part(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "READ_BYTES", 1 << 20)
    path = tmp_path / f"a.{suffix}"
    lines = [f"{at},{'x' * 40}\n" for at in range(200_000)]
    if suffix == "jsonl":
        lines = [json.dumps({"at": at, "text": "x" * 40}) + "\n" for at in range(200_000)]
    content = ("" if suffix == "jsonl" else "at,text\n") + "".join(lines)
    opened: Callable[..., Any] = open
    if suffix.endswith("gz"):
        import gzip

        opened = gzip.open
    with opened(path, "wt", encoding="utf-8") as file:
        file.write(content)
    found = sample.read([str(path)], AS_FOUND)
    assert found.read < 120_000
    assert 0 < found.share < 0.6
    last = max(int(cell) for cell in found.columns["at"].values.to_pylist())
    assert last > 120_000


def test_where_the_target_is_not_clear_a_script_ends_with_the_candidates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    r = R(11)
    flags = {name: r.choices(["true", "false"], k=300) for name in ("home", "own", "penalty")}
    path = _write(tmp_path / "a.csv", {"team": r.choices(TOWNS, k=300), **flags})
    with pytest.raises(Failure, match="it is not clear what to predict") as failure:
        prepare.run(["--infer", path])
    assert failure.value.exit_code == Exit.USAGE
    assert {*flags} <= {*re.findall(r"\w+", str(failure.value))}
    prepare.run(["--infer", path, "--target", "own", "penalty"])
    assert [*parse_spec(capsys.readouterr().out).heads] == ["own", "penalty"]


def test_a_person_at_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    for line, expected in (("2\n", "b"), ("c\n", "c"), ("\n", "a"), ("9\nb\n", "b")):
        monkeypatch.setattr(sys, "stdin", Terminal(line))
        assert asked(["a", "b", "c"]) == expected
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    with pytest.raises(Failure, match="a target must be chosen"):
        asked(["a", "b"])


def test_what_is_said_of_columns_goes_before_what_they_look_like(tmp_path: Path) -> None:
    r = R(12)
    columns = _columns(
        height=[round(r.gauss(50, 9)) for _ in range(600)],
        remark=r.choices(["all good", "not so good", "bad"], k=600),
        group=r.choices(TOWNS, k=600),
    )
    path = _write(tmp_path / "a.csv", columns)
    said = {"ids": ("height",), "texts": ("remark",), "split": "group", "keys": ("shop", "x")}
    spec, _ = _inferred(path, targets=("label",), **said)
    assert spec.inputs["height"].kind == "category"
    assert spec.inputs["remark"].model_dump()["length"] == 3
    assert spec.split.model_dump()["columns"] == ("group",)
    assert spec.keys == ("shop", "x")
    with pytest.raises(Failure, match=r"missing: \['lable'\]; near 'lable': 'label'"):
        _inferred(path, targets=("lable",))


def test_a_nested_column_does_not_stop_the_others(tmp_path: Path) -> None:
    lines = [
        json.dumps({"meta": {"a": at}, "x": at / 4, "label": "uv"[at % 2]}) for at in range(60)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    spec, text = _inferred(str(tmp_path / "a.jsonl"))
    assert set(spec.inputs) == {"x"}
    assert 'left out: "meta": neither plain values nor flat lists' in text


def test_rows_of_which_none_fits_the_header_end_it_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,label\n1,2\n3\n4,5,6,7\n")
    with pytest.raises(Failure, match=r"a row that fits its header.*3 that do not") as failure:
        _inferred(str(tmp_path / "a.csv"))
    assert failure.value.exit_code == Exit.BAD_ROWS


def test_an_empty_file_beside_others_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    path = _write(tmp_path / "b.csv", _columns())
    text = infer.spec_for([str(tmp_path / "a.csv"), path])
    assert text == infer.spec_for([path])


def test_a_column_that_only_some_files_have_is_left_out(tmp_path: Path) -> None:
    paths = [
        _write(tmp_path / "a.csv", _columns()),
        _write(tmp_path / "b.csv", _columns(y=[1] * 600)),
    ]
    text = infer.spec_for(paths)
    assert re.search(r'left out: "y": not in .*a\.csv', text)


def test_a_text_that_names_the_target_is_left_out(tmp_path: Path) -> None:
    columns = _columns()
    columns["label"] = R(3).choices(["apples", "pears", "plums"], k=600)
    r = R(16)
    columns["ref"] = [f"{r.choice(TOWNS)} {r.randint(1, 99)} {one}" for one in columns["label"]]
    columns["town"] = r.choices(TOWNS, k=600)
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("label",))
    assert set(spec.inputs) == {"shop", "x", "town"}
    assert 'left out: "ref": its text names the target in 100.00% of the rows' in text


def test_rows_of_an_id_that_comes_again_a_few_times_stay_together(tmp_path: Path) -> None:
    few, many = [at // 2 for at in range(600)], [at % 40 for at in range(600)]
    for ids, grouped in ((few, True), (many, False)):
        order = R(17).sample(range(600), 600)
        columns = _columns(id=[1000 + 7 * ids[at] for at in order])
        spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("label",))
        assert (getattr(spec.split, "columns", ()) == ("id",)) == grouped
        assert ("id" in spec.inputs) != grouped
        assert ("rows of one 'id' belong together (2.0 rows each)" in text) == grouped


def test_rows_that_are_in_order_for_one_place_after_the_other_are_split_by_time(
    tmp_path: Path,
) -> None:
    days = [f"{1950 + at % 200 // 12}-{1 + at % 200 % 12:02d}-01" for at in range(600)]
    columns = _columns(entry=days, place=["abc"[at // 200] for at in range(600)])
    spec, _ = _inferred(_write(tmp_path / "a.csv", columns), targets=("label",))
    assert spec.split.by == "time"


@pytest.mark.parametrize(
    ("form", "format"),
    [("%d.%m.%Y %H:%M", "D.M.Y"), ("%d/%b/%Y:%H:%M:%S +0000", "D Mon Y")],
)
def test_times_that_an_input_reads_in_its_own_form_split_the_rows(
    form: str, format: str, tmp_path: Path
) -> None:
    """A web server's log, and a table as spreadsheets write its times."""
    start = datetime(2024, 1, 1)
    times = [(start + timedelta(minutes=37 * at)).strftime(form) for at in range(600)]
    spec, _ = _inferred(_write(tmp_path / "a.csv", _columns(when=times)), targets=("label",))
    assert spec.split.by == "time"
    assert getattr(spec.inputs["when"], "format", "") == format


def test_of_two_columns_that_say_one_time_that_which_is_read_as_a_time_stays(
    tmp_path: Path,
) -> None:
    r = R(18)
    days = [f"2024-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}" for _ in range(600)]
    names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    said = [f"{d[8:]}-{names[int(d[5:7]) - 1]}-2024" for d in days]
    spec, _ = _inferred(_write(tmp_path / "a.csv", _columns(said=said, d=days)))
    assert "said" not in spec.inputs
    assert spec.inputs["d"].kind == "date"


def test_what_says_that_there_is_no_number_stands_in_the_spec(tmp_path: Path) -> None:
    columns = _columns(age=[-999 if at % 9 == 0 else 18 + at % 50 for at in range(600)])
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("label",))
    assert spec.missing_words == ("-999",)
    assert "11.2% of the rows say '-999', which counts as missing" in text


@pytest.mark.parametrize(("count", "alike"), [(12, True), (5, False)])
def test_a_few_names_in_two_columns_share_a_vocabulary_and_answers_do_not(
    count: int, alike: bool, tmp_path: Path
) -> None:
    r = R(19)
    columns = _columns(team=r.choices(TOWNS[:count], k=600), rival=r.choices(TOWNS[:count], k=600))
    spec, _ = _inferred(_write(tmp_path / "a.csv", columns), targets=("label",))
    own = [spec.inputs[name].model_dump()["vocabulary"] for name in ("team", "rival")]
    assert own == ["team", "team" if alike else "rival"]


def test_years_stand_for_themselves_only_where_held_out_rows_have_the_same(tmp_path: Path) -> None:
    r = R(21)
    days = [date(2000, 1, 1) + timedelta(days=at) for at in range(2_500)]
    columns: Columns = {
        "date": [day.isoformat() for day in days],
        "year": [day.year for day in days],
        "hall": [r.randint(1, 9) for _ in days],
        "sold": [r.gauss(0, 1) for _ in days],
    }
    spec, _ = _inferred(_write(tmp_path / "a.csv", columns), targets=("sold",))
    assert spec.split.by == "time"
    assert "hall_each" in spec.inputs and "year_each" not in spec.inputs
    spec, _ = _inferred(
        _write(tmp_path / "a.csv", columns | {"date": columns["hall"]}), targets=("sold",)
    )
    assert "year_each" in spec.inputs


@pytest.mark.parametrize(("rows", "share"), [(400, 0.2), (1_300, 0.1)])
def test_of_few_rows_with_a_target_more_are_for_eval(
    rows: int, share: float, tmp_path: Path
) -> None:
    """Rows without one do not count."""
    r = R(8)
    columns: Columns = {
        "x": [r.random() for _ in range(rows)],
        "y": ["NA" if at % 5 == 0 else r.random() for at in range(rows)],
    }
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("y",))
    assert spec.split.model_dump()["eval"] == share and spec.split.model_dump()["test"] == 0.1
    assert ("as only 320 rows have a target (pipeline.folds" in text) == (rows == 400)


def test_names_that_are_different_in_every_row_are_a_key(tmp_path: Path) -> None:
    """So that scores say whose they are; without them no row could be told from another."""
    words = R(3).sample([f"{a}{b}" for a in TOWNS for b in TOWNS], 1_200)
    columns = _columns(company=[f"{one} {words[-at]}" for at, one in enumerate(words[:600], 1)])
    spec, text = _inferred(_write(tmp_path / "a.csv", columns), targets=("label",))
    assert spec.keys == ("company",) and "company" not in spec.inputs
    assert "company: a name for each row" in text and 'left out: "company"' not in text
