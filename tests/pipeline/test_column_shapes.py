"""Shapes of columns, made from a seed, and what each is in the spec that is inferred from it."""

import csv
import json
import random
import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.preparing import infer
from pipeline.preparing.inferring.wishes import Wishes
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec

ROWS = 600
Random = random.Random
Make = Callable[[Random, int], Any]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnr"]
CODES = [f"{a}{b}{n}" for a in "ABC" for b in "XYZ" for n in range(1, 9)]


def _skewed(values: Sequence[Any]) -> Make:
    weights = [1 / (place + 1) for place in range(len(values))]
    return lambda r, at: r.choices(values, weights)[0]


def _day(at: int) -> date:
    return date(2021, 3, 1) + timedelta(days=at * 7 % 800)


def _ids(count: int, low: int, high: int) -> Make:
    values = Random(7).sample(range(low, high), count)
    return lambda r, at: _skewed(values)(r, at)


def _missing(make: Make, share: float, word: str = "") -> Make:
    return lambda r, at: word if r.random() < share else make(r, at)


def _sentence(r: Random, at: int) -> str:
    return " ".join(r.choices(WORDS, k=r.randint(6, 14)))


def _title(r: Random, at: int) -> str:
    return f"{' '.join(r.sample(WORDS, 3))} {at % 7}"


# The name of the column, its cells, and what it is to be: a kind, "key", "split", or "left out" and
# the reason.
INPUTS: dict[str, tuple[str, Make, str]] = {
    "ids by name in camel case": ("userId", lambda r, at: r.randint(1, 40), "category"),
    "ids by name with an underscore": ("item_id", lambda r, at: r.randint(1, 40), "category"),
    "ids as floats, one missing": (
        *("item_id", lambda r, at: "" if at == 9 else float(r.randint(1, 30)), "category"),
    ),
    "ids as floats without a name of ids": (
        "movie",
        _missing(_ids(80, 1, 90000), 0.01),
        "category",
    ),
    "things that are numbers": ("user", _ids(150, 1, 600), "category"),
    "codes without a telling name": ("ROLLUP", _ids(60, 100_000, 320_000), "category"),
    "numbers with leading zeros": ("area", lambda r, at: f"{r.randint(0, 99):05d}", "category"),
    "zip codes": ("zip", lambda r, at: r.choice((10115, 20095, 80331, 50667, 1067)), "category"),
    "phone prefixes": ("phone_number", lambda r, at: r.choice((301, 402, 221, 89)), "category"),
    "a store's number": ("store_nr", lambda r, at: r.randint(1, 45), "category"),
    "the number of rooms": ("no_of_rooms", lambda r, at: r.randint(1, 9), "number"),
    "a count": ("visits", lambda r, at: int(r.expovariate(0.2)), "number"),
    "a skewed count": ("followers", lambda r, at: int(r.lognormvariate(5, 2)), "number log"),
    "an age": ("age", lambda r, at: max(18, round(r.gauss(41, 12))), "number"),
    "whole numbers without a telling name": ("x", lambda r, at: round(r.gauss(50, 9)), "number"),
    "hours with heaps": (
        *("tvhours", _skewed([2, 3, 1, 4, 0, 5, 6, 8, 7, 10, 12, 9, 24, 14, 15, 11, 20]), "number"),
    ),
    "years": ("built", lambda r, at: r.randint(1950, 2020), "number"),
    "temperatures": ("temp", lambda r, at: round(r.gauss(4, 9)), "number"),
    "round amounts": ("limit", lambda r, at: 50 * round(r.gauss(40, 12)), "number"),
    "fractions": ("ratio_a", lambda r, at: f"{r.random():.4f}", "number"),
    "prices": ("price", lambda r, at: f"{r.lognormvariate(3, 2):.2f}", "number log"),
    "numbers with exponents": ("mass", lambda r, at: f"{r.random():.3e}", "number"),
    "numbers with spaces": ("x", lambda r, at: f" {r.gauss(0, 1):.3f}", "number"),
    "numbers, one NA": ("x", lambda r, at: "NA" if at == 50 else r.random(), "number"),
    "numbers, many NA": ("x", _missing(lambda r, at: r.random(), 0.2, "NA"), "number"),
    "decimal commas": (
        *("x", lambda r, at: f"{r.random() * 1e4:.2f}".replace(".", ","), "number"),
    ),
    "thousands": ("x", lambda r, at: f"{r.randint(1000, 9999999):,}", "number"),
    "dollars": ("x", lambda r, at: f"${r.random() * 1e4:.2f}", "number"),
    "euros behind": ("x", lambda r, at: f"{r.random() * 1e3:.2f} €", "number"),
    "kilometres": ("x", lambda r, at: f"{r.random() * 90:.1f} km", "number"),
    "milligrams": ("dose", lambda r, at: f"{r.choice((5, 10, 20, 50))}mg", "number log"),
    "codes with letters before": ("gate", lambda r, at: f"km{r.randint(1, 9)}", "category"),
    "numbers, -999 where there is none": (
        *("x", _missing(lambda r, at: round(r.gauss(50, 9)), 0.1, "-999"), "number"),
    ),
    "percent": ("x", lambda r, at: f"{r.random() * 100:.3f}%", "number"),
    "a few percentages": ("discount", lambda r, at: f"{r.randint(0, 4) * 10}%", "number"),
    "yes and no": ("paid", lambda r, at: r.choice(("yes", "no")), "category"),
    "yes and no in several cases": (
        "paid",
        lambda r, at: r.choice(("Yes", "yes", "NO")),
        "category",
    ),
    "yes, no and unknown": ("paid", lambda r, at: r.choice(("yes", "no", "unknown")), "category"),
    "ja and nein": ("bezahlt", lambda r, at: r.choice(("ja", "nein")), "category"),
    "TRUE, FALSE and NA": ("paid", lambda r, at: r.choice(("TRUE", "FALSE", "NA")), "category"),
    "one and zero": ("stops", lambda r, at: int(r.random() < 0.1), "category"),
    "true and false, some missing": (
        *("ok", _missing(lambda r, at: r.choice(("True", "False")), 0.2), "category"),
    ),
    "one value or none": ("coupon", lambda r, at: "SAVE" if at % 50 == 0 else "", "category"),
    "one value": ("same", lambda r, at: "x", "left out .*one value only"),
    "nothing": ("nothing", lambda r, at: "", "left out .*no value"),
    "few texts": ("colour", lambda r, at: r.choice(("red", "green", "blue")), "category"),
    "names of teams": (
        *("team", lambda r, at: r.choice(("FC Bar", "AC Foo", "Inter B", "Real C")), "category"),
    ),
    "skewed texts": ("artist", _skewed([f"The {w}" for w in WORDS]), "category"),
    "days": ("day", lambda r, at: _day(at).isoformat(), "date"),
    "times": ("t", lambda r, at: f"{_day(at)} {at % 24:02d}:{at % 60:02d}:07", "date"),
    "times with T and a zone": ("t", lambda r, at: f"{_day(at)}T{at % 24:02d}:05:00+01:00", "date"),
    "days with points": ("t", lambda r, at: _day(at).strftime("%d.%m.%Y"), "date"),
    "days with slashes": ("t", lambda r, at: _day(at).strftime("%d/%m/%Y"), "date"),
    "days, some of them NA": ("t", _missing(lambda r, at: _day(at).isoformat(), 0.2, "NA"), "date"),
    "American days": ("t", lambda r, at: _day(at).strftime("%m/%d/%Y"), "date"),
    "days as eight digits": ("t", lambda r, at: _day(at).strftime("%Y%m%d"), "date"),
    "days with names of months": ("t", lambda r, at: _day(at).strftime("%d-%b-%Y"), "date"),
    "American days in words": ("t", lambda r, at: _day(at).strftime("%B %d, %Y"), "date"),
    "times of a web server": (
        *("t", lambda r, at: _day(at).strftime("%d/%b/%Y:10:05:30 +0100"), "date"),
    ),
    "times of day": ("t", lambda r, at: f"{at % 24:02d}:{r.randint(0, 59):02d}", "list :"),
    "times of day with seconds": (
        *("t", lambda r, at: f"{at % 24}:{r.randint(0, 59):02d}:07", "list :"),
    ),
    "months": ("t", lambda r, at: _day(at).strftime("%Y-%m"), "list -"),
    "seconds since 1970": (
        *("timestamp", lambda r, at: r.randint(900_000_000, 1_000_000_000), "date"),
    ),
    "ids with a letter": ("user", lambda r, at: f"u{r.randint(1, 40)}", "category"),
    "codes with letters behind": ("size", lambda r, at: f"{r.randint(1, 9)}XL", "category"),
    "versions": ("version", lambda r, at: f"v{r.randint(1, 3)}.{r.randint(0, 9)}", "category"),
    "a row's number": ("row", lambda r, at: at, "key"),
    "order numbers that rise": ("order_no", lambda r, at: 200_000_001 + at, "key"),
    "uuids": ("uuid", lambda r, at: f"{r.getrandbits(64):016x}-{at}", "key"),
    "short codes, each once": ("ref", lambda r, at: f"A{at:05d}", "key"),
    "pandas' index": ("Unnamed: 0", lambda r, at: at, "left out .*number of the row"),
    "pandas' index, shuffled": (
        *("__index_level_0__", lambda r, at: at * 7 % ROWS, "left out .*number of the row"),
    ),
    "amounts, each once": ("revenue", lambda r, at: 100_000 + 37 * at + r.randint(0, 30), "number"),
    "sentences": ("remark", _sentence, "words"),
    "titles": ("title", _title, "words"),
    "names, nearly each once": (
        *("surname", lambda r, at: f"{r.choice(LETTERS)}{r.getrandbits(8):x}", "left out .*own"),
    ),
    "texts without spaces": (
        *("x", lambda r, at: "".join(r.choices("的一是在不了有和人这中大为", k=9)), "left out"),
    ),
    "lists with bars": (
        "genres",
        lambda r, at: "|".join(r.sample(WORDS[:12], r.randint(1, 3))),
        "list |",
    ),
    "lists with commas": (
        "tags",
        lambda r, at: ", ".join(r.sample(WORDS[:12], r.randint(1, 4))),
        "list , ",
    ),
    "lists with semicolons": (
        "skills",
        lambda r, at: ";".join(r.sample(WORDS[:12], r.randint(1, 4))),
        "list ;",
    ),
    "lists with slashes": (
        "kinds",
        lambda r, at: "/".join(r.sample(WORDS[:9], r.randint(1, 3))),
        "list /",
    ),
    "codes with spaces between": (
        "equipment",
        lambda r, at: " ".join(r.sample(CODES[:20], r.randint(1, 3))),
        "words",
    ),
    "lists as JSON": ("seen", lambda r, at: json.dumps(r.sample(WORDS, r.randint(1, 5))), "list  "),
    "lists as Python": ("seen", lambda r, at: str(r.sample(WORDS, r.randint(1, 5))), "list  "),
    "lists of as many numbers": (
        *("embedding", lambda r, at: str([round(r.random(), 3) for _ in range(4)]), "vector"),
    ),
    "codes with a dash": ("gate", lambda r, at: f"{r.choice('ABC')}-{r.randint(1, 9)}", "category"),
    "sides in words": ("usage", _skewed(["train", "train", "valid", "test"]), "split"),
    "sides in other words": ("set", _skewed(["Training", "dev"]), "split"),
    "a flag for test rows": ("is_test", lambda r, at: int(r.random() < 0.2), "split"),
    "folds": ("fold", lambda r, at: r.randint(0, 4), "split"),
    "codes of answers": ("result", _skewed((200, 404, 302, 304, 500, 401)), "category"),
}
# The same for targets: the name, the cells, and the head.
TARGETS: dict[str, tuple[str, Make, str]] = {
    "one and zero": ("label", lambda r, at: r.choice((0, 1)), "binary"),
    "true and false": ("churned", lambda r, at: r.choice(("True", "False")), "binary"),
    "yes, no and unknown": (
        "label",
        lambda r, at: r.choice(("Yes", "no", "unknown")),
        "classification",
    ),
    "ja and nein": ("label", lambda r, at: r.choice(("Ja", "Nein")), "binary"),
    "VRAI and FAUX": ("label", lambda r, at: r.choice(("VRAI", "FAUX")), "binary"),
    "one, zero and NA": ("label", lambda r, at: r.choice((0, 1, "NA")), "binary"),
    "tak and nie": ("label", lambda r, at: r.choice(("tak", "nie")), "classification"),
    "minus one and one": ("label", lambda r, at: r.choice((-1, 1)), "classification"),
    "one and two": ("y", lambda r, at: r.choice((1, 2)), "classification"),
    "ten digits": ("digit", lambda r, at: r.randint(0, 9), "classification"),
    "classes from 1 on": ("outcome", lambda r, at: r.randint(1, 5), "classification"),
    "texts": ("species", lambda r, at: r.choice(WORDS[:5]), "classification"),
    "texts with spaces": (
        "tag",
        _skewed([f"{a} {b}" for a in WORDS[:9] for b in WORDS[:9]]),
        "classification",
    ),
    "labels with a letter": ("label", lambda r, at: f"l{at % 2}", "classification"),
    "codes of answers": ("status", _skewed((200, 404, 302, 304, 500, 401)), "classification"),
    "codes without a telling name": ("found", _skewed((150, 975, 304, 402)), "classification"),
    "doublings": ("memory", _skewed((128, 256, 512, 1024)), "regression"),
    "steps": ("dose", _skewed((100, 250, 400, 700)), "regression"),
    "prices of a few things": ("price", _skewed((119, 249, 499, 799, 988)), "regression"),
    "answers to question N1": ("N1", lambda r, at: r.randint(1, 6), "classification"),
    "ids": ("next_item_id", _ids(60, 1, 10_000), "classification"),
    "stars": ("rating", lambda r, at: r.randint(1, 10) / 2, "regression"),
    "prices": ("price", lambda r, at: f"{r.lognormvariate(3, 2):.2f}", "regression log"),
    "ages": ("age", lambda r, at: round(r.gauss(41, 12)), "regression"),
    "counts": ("num_visits", lambda r, at: int(r.expovariate(0.2)), "count"),
    "counts without a telling name": ("mdu", lambda r, at: int(r.expovariate(0.25)), "count"),
    "whole amounts, many of them 0": (
        "delay",
        lambda r, at: max(0, int(r.gauss(0, 9))),
        "regression log",
    ),
    "lists": (
        "labels",
        lambda r, at: "|".join(r.sample(WORDS[:12], r.randint(1, 3))),
        "multilabel",
    ),
}


def _spec(path: Path, columns: dict[str, Make], **said: Any) -> tuple[Spec, str]:
    """The spec for rows of these columns."""
    made = {name: Random(f"{name} {len(columns)}") for name in columns}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for at in range(ROWS):
            writer.writerow([make(made[name], at) for name, make in columns.items()])
    text = infer.spec_for([str(path)], said=Wishes(**said))
    return parse_spec(text), text


def _found(spec: Spec, text: str, column: str) -> str:
    """What a column has become, in the words of the tables above."""
    if column in spec.keys:
        return "key"
    if spec.split.by == "column" and spec.split.model_dump()["column"] == column:
        return "split"
    own = [part for name, part in spec.inputs.items() if column in spec.input_columns(name)]
    if not own:
        out = " ".join(line.strip(" #") for line in text.splitlines() if line.startswith("  #"))
        (reason,) = re.findall(rf'left out: "{re.escape(column)}": (.*?)(?=left out:|$)', out)
        return f"left out {reason}"
    said = own[0].model_dump()
    if own[0].kind == "number":
        return "number log" if said["scale"] == "log" else "number"
    if "length" not in said:
        return str(own[0].kind)
    return f"list {said['separator']}"


@pytest.mark.parametrize("shape", INPUTS)
def test_a_column_is_what_a_person_takes_it_for(shape: str, tmp_path: Path) -> None:
    name, make, expected = INPUTS[shape]
    columns = {
        name: make,
        "other": lambda r, at: r.choice("pqrs"),
        "label": lambda r, at: r.choice("uv"),
    }
    spec, text = _spec(tmp_path / "rows.csv", columns)
    found = _found(spec, text, name)
    expected = {"words": "list  "}.get(expected, expected)
    assert re.match(
        expected.replace("|", r"\|") if expected.startswith("list") else expected, found
    )
    assert [spec.head_column(head) for head in spec.heads] == ["label"]
    assert getattr(spec.split, "columns", ()) != ("label",)
    assert "label" not in getattr(spec.split, "columns", ())


@pytest.mark.parametrize("shape", TARGETS)
def test_a_head_is_what_its_column_asks_for(shape: str, tmp_path: Path) -> None:
    name, make, expected = TARGETS[shape]
    columns = {"x": lambda r, at: r.choice("pqrs"), "z": lambda r, at: r.random(), name: make}
    spec, _ = _spec(tmp_path / "rows.csv", columns, targets=(name,))
    ((_, head),) = spec.heads.items()
    scale = head.model_dump().get("scale")
    assert f"{head.kind} log" if scale == "log" else head.kind == expected.removesuffix(" log")
    assert name not in getattr(spec.split, "columns", ())
