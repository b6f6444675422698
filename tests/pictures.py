"""The pictures of docs/pictures that show rows of the demo, from the folder that the demo made.

`make pictures`, or some of them:

    PYTHONPATH=. python tests/pictures.py demo/400000 how-sure known-rows

Needs a Chromium and, for `why`, what `make web` installs.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from browser import Browser

from examples.next_identifier.demo import context, spread
from kinds.charts import Bars, Table
from pipeline.failures import main
from pipeline.folders.output import Output
from serving import page, report, score
from serving.reporting.report_data import read

WIDTH, SHOWN = 1040, 10
ANSWER = "document.querySelector('#answers article h3')"
WHY = f"""new Promise((done) => {{
  const form = document.querySelector("form");
  form.elements["tokens"].value = "( code , <string> , 1 ) <newline> self .";
  form.elements["package"].value = "test";
  document.querySelector("#explains").click();
  const wait = () => {ANSWER} ? done() : setTimeout(wait, 20);
  wait();
}})"""


def run(arguments: Sequence[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python tests/pictures.py", description=__doc__)
    parser.add_argument("demo", type=Path, help="the folder that the demo made")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {[*PICTURES]}, or all")
    parser.add_argument("--output", type=Path, default=Path("docs/pictures"))
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in PICTURES]:
        parser.error(f"no picture {unknown[0]!r}, but {[*PICTURES]}")
    with TemporaryDirectory() as folder, Browser(Path(folder) / "profile") as browser:
        browser.look(width=WIDTH + 40)
        for name in options.names or PICTURES:
            PICTURES[name](Output(options.demo), browser, Path(folder), options.output)
            print(options.output / f"{name}.png")


def why(demo: Output, browser: Browser, folder: Path, output: Path) -> None:
    """The page that predicts, with a bar for each input."""
    page.write_page(demo.model.model, folder / "page")
    browser.look(width=1150)
    browser.open((folder / "page" / "index.html").as_uri())
    browser.evaluate(WHY)
    browser.screenshot(output / "why.png", of=("h1", "form", "#answers"))


def report_page(demo: Output, browser: Browser, folder: Path, output: Path) -> None:
    """The beginning of the report, written anew."""
    path = folder / "report.html"
    run, model = str(demo.run.path), str(demo.model.model)
    report.run(["--run", run, "--model", model, "--output", str(path)])
    browser.look(width=1180)
    browser.open(path.as_uri())
    browser.screenshot(output / "report.png", of=("header", "#model"))


def how_sure(demo: Output, browser: Browser, folder: Path, output: Path) -> None:
    """How often the surest answers are right, and the set and the interval of some rows."""
    heads = ("next_kind", "characters_left")
    found = scored(
        *(demo, folder, "--side", "test", "--coverage", "0.8", "--heads", *heads),
        *("--keep", "tokens", *heads),
    )
    data = read(demo.run.path, demo.model.model)
    curve = next(one for one in report.head_figures(data, "next_kind") if "surest" in one.title)
    header = ("on test", "asked", "the truth is in", "mean size")
    judged = [
        (head, *cells)
        for head in heads
        for side, cells in report.judged_rows(data, head)
        if side.startswith("test")
    ]
    pair = [curve, Table("sets and intervals with a stated coverage", header, judged)]
    shown = [
        {
            "before": context(row["tokens"], 32),
            "labels": row["next_kind.set"],
            "label": row["next_kind"],
            "low": row["characters_left.low"],
            "high": row["characters_left.high"],
            "number": row["characters_left"],
        }
        for row in spread(found, SHOWN)
    ]
    most = round(max(max(row["high"], row["number"]) for row in shown))
    title = "Rows of test with --coverage 0.8; green is the true label, orange what was missed"
    drawn(browser, folder, output / "how-sure.png", pair=pair, sets=shown, most=most, title=title)


def known_rows(demo: Output, browser: Browser, folder: Path, output: Path) -> None:
    """Rows from the most unusual one to the most usual one."""
    found = scored(demo, folder, "--known", "--keep", "tokens", "depth", of="new")
    found.sort(key=lambda row: -row["row.distance"])
    ranks = np.unique(np.geomspace(1, len(found), SHOWN).round().astype(int))
    most = found[0]["row.distance"]
    rows = [
        (
            context(row["tokens"], 36),
            row["row.distance"] / most,
            (
                f"{row['row.distance']:.2f}",
                _farthest(row),
                f"{row['row.known']} of {row['row.values']}",
                row["identifier.labels"][0],
                f"{row['identifier.support']:,}",
            ),
        )
        for row in (found[rank - 1] for rank in ranks)
    ]
    columns = ("what stands before", "distance", "most by", "known", "answer", "its training rows")
    title = f"Of {len(found):,} rows that the model was not trained on, from unusual to usual"
    drawn(browser, folder, output / "known-rows.png", bars=Bars(title, columns, rows))


def how_good(demo: Output, browser: Browser, folder: Path, output: Path) -> None:
    """The accuracy of a head in slices, with intervals."""
    metric = "accuracy@1"
    scored(demo, folder, "--side", "test", "--heads", "next_kind", "--slices", "--slice", "depth")
    said = json.loads((folder / "scores.parquet.metrics.json").read_text())["next_kind"]
    slices = [
        (one["slice"], one["targets"], one[metric], one["intervals"][metric])
        for one in [{"slice": "all", **said}, *said["slices"]]
        if metric in one["intervals"]
    ]
    title = f"next_kind, {metric} on test, with --slices --slice depth; the grey line is all rows"
    most = max(between[1] for _, _, _, between in slices)
    picture = output / "how-good.png"
    drawn(browser, folder, picture, slices=slices, most=most, title=title)


def scored(demo: Output, folder: Path, *options: str, of: str = "rows") -> list[Any]:
    """Rows of the demo, scored by the command."""
    scores = folder / "scores.parquet"
    files = str(demo.path / of / "*.parquet")
    what = ["--model", str(demo.model.model), "--input", files, "--output", str(scores), "--force"]
    score.run([*what, *options])
    return pq.read_table(scores).to_pylist()


def drawn(browser: Browser, folder: Path, picture: Path, **what: Any) -> None:
    """A picture of these values."""
    shown = folder / f"{picture.stem}.html"
    shown.write_text(page_of(picture.stem, **what), encoding="utf-8")
    browser.open(shown.as_uri())
    browser.screenshot(picture, of=("main",))


def page_of(name: str, **what: Any) -> str:
    """tests/pictures.html with these values."""
    source = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    made = report.template("charts.html").environment.from_string(source)
    empty = dict.fromkeys(("pair", "bars", "sets", "slices"))
    text: str = made.render(**report.styled(), name=name, width=WIDTH, **{**empty, **what})
    return text


def _farthest(row: Mapping[str, Any]) -> str:
    """The most unusual input, with its value where that is one."""
    name = row["row.farthest"]
    return name if isinstance(row.get(name), list) else f"{name} {row.get(name, '')}".strip()


Draw = Callable[[Output, Browser, Path, Path], None]
PICTURES: dict[str, Draw] = {
    "report": report_page,
    "why": why,
    "how-sure": how_sure,
    "known-rows": known_rows,
    "how-good": how_good,
}

if __name__ == "__main__":
    main(run)
