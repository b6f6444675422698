"""The page of a model's versions: how good each head was, and why each is served or not.

    python -m serving.history --versions versions.json --output history.html

`pipeline.update` writes both. Like the report, it is one file without scripts and a network.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kinds.charts import Chart, Series, spanning
from kinds.heads.metrics import KINDS
from pipeline.failures import main
from pipeline.folders.published import read_json
from pipeline.manifest import write_text
from serving.report import metric, styled, template

NOT_SERVED = ("refused", "rolled back")

Versions = Sequence[Mapping[str, Any]]


def run(arguments: Sequence[str]) -> None:
    """The command."""
    options = _parser().parse_args(arguments)
    write_text(options.output, render(read_json(options.versions)))
    print(f"history: {options.output}")


def render(versions: Versions) -> str:
    """The whole page, of records as pipeline.updating.version has them; each has its `state`, and
    `lines` for people, too."""
    heads = list(dict.fromkeys(head for one in versions for head in one["heads"]))
    return template("versions.html").render(
        **styled(),
        versions=versions,
        served=next((one for one in reversed(versions) if one["state"] not in NOT_SERVED), None),
        heads={head: list(head_charts(versions, head)) for head in heads},
    )


def head_charts(versions: Versions, head: str) -> Iterator[Chart]:
    """What the head is judged by, and what else stands for it: each version beside the one that it
    was compared with, on the same rows."""
    compared = [one for one in versions if head in one["heads"]]
    kind = KINDS[compared[0]["heads"][head]["kind"]]
    for name in dict.fromkeys([kind.loss(), *kind.headlines()]):
        points = [
            (float(one["number"]), figures[name])
            for one in compared
            if name in (figures := one["heads"][head]["metrics"])
        ]
        if points:
            yield _chart(f"{head}: {metric(name)}", name, points, versions)


def _chart(
    title: str, name: str, points: Sequence[tuple[float, Mapping[str, float]]], versions: Versions
) -> Chart:
    after = [(number, one["b"]) for number, one in points]
    before = [(number, one["a"]) for number, one in points]
    values = [value for _, value in (*after, *before)]
    numbers = [float(one["number"]) for one in versions]
    return Chart(
        title,
        spanning("version", numbers, whole=True),
        spanning(metric(name), values),
        [
            Series("this version", after, "both"),
            Series("the one it goes on from, on the same rows", before, "dots"),
        ],
        bars=[(float(v["number"]), "not served") for v in versions if v["state"] in NOT_SERVED],
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving.history",
        description="One HTML page on the versions of a model.",
        epilog="Example: python -m serving.history --versions versions.json --output history.html",
        allow_abbrev=False,
    )
    said = "the records of all versions, as JSON"
    parser.add_argument("--versions", required=True, type=Path, metavar="FILE", help=said)
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="the page")
    return parser


if __name__ == "__main__":
    main(run)
