"""The stages of a run: the command of each, and where its result will be."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.folders.output import Output
from pipeline.rows.csv_dialect import AS_FOUND, Csv
from pipeline.sides import SIDES
from pipeline.spec import LastSplit, Spec

STAGES = ("prepare", "train", "export", "score", "report")
ALL = "all"


@dataclass(frozen=True)
class Command:
    """One stage: the process to start and where its result will be."""

    stage: str
    arguments: tuple[str, ...]
    result: Path


def commands(
    spec: str | Path,
    rows: Sequence[str],
    output: str | Path,
    *,
    stages: Sequence[str] = STAGES,
    score: Sequence[str] | None = None,
    keep: Sequence[str] = (),
    side: Sequence[str] | None = None,
    settings: Sequence[str] = (),
    max_bad_fraction: float = 0.01,
    force: bool = False,
    show_test: bool = False,
    csv: Csv = AS_FOUND,
    beam_options: Sequence[str] = (),
) -> list[Command]:
    """The processes of the chosen stages, in their order.

    `rows` are paths or patterns, and so are those to `score`. Where none are given, those of the
    `rows` are scored that nothing was trained on; `side` names other sides of the split, or `all`.
    The `settings`, such as `training.epochs=3`, change the spec.
    """
    out = Output(Path(output))
    data, run, model = out.data.path, out.run.path, out.model.path
    graph = ["--model", out.model.model]
    replace = ["--force"] * force
    limit = ["--max-bad-fraction", max_bad_fraction]
    kept = ["--keep", *keep] if keep else []
    sides = list(side or ([ALL] if score else SIDES[1:]))
    kept += [] if ALL in sides else ["--side", *sides]
    changed = [word for setting in settings for word in ("--set", setting)]
    lines: dict[str, list[Any]] = {
        "prepare": [
            *("pipeline.prepare", "--spec", spec, "--input", *rows, "--output", data),
            *(*changed, *limit, *csv.arguments(), *replace, *beam_options),
        ],
        "train": [
            *("trainer.task", "--data", data, "--output", run, "--spec", spec),
            *(*changed, *replace, *["--show-test"] * show_test),
        ],
        "export": ["serving.export", "--run", run, "--output", model, *replace],
        "score": [
            *("serving.score", *graph, "--input", *(score or rows)),
            *("--output", out.scores, *kept, *csv.arguments(), "--force"),
        ],
        "report": ["serving.report", "--run", run, *graph, "--output", out.report],
    }
    results = dict(zip(STAGES, (data, run, model, out.scores, out.report), strict=True))
    return [
        Command(stage, tuple(map(str, line)), results[stage])
        for stage, line in lines.items()
        if stage in stages
    ]


def columns_to_keep(spec: Spec) -> list[str]:
    """What says of which row a score is where no keys do: the columns that the model reads, and
    those that it predicts."""
    if spec.keys:
        return []
    followed = spec.followed()
    read = [column for name in spec.inputs for column in spec.input_columns(name)]
    predicted = [spec.head_column(head) for head in spec.heads if head not in followed]
    return list(dict.fromkeys([*read, *predicted]))


def sides_to_score(spec: Spec) -> list[str] | None:
    """All, where elements of lists are held out: each row is on every side. Otherwise none is
    said."""
    return [ALL] if isinstance(spec.split, LastSplit) and spec.split.of_elements else None
