"""The report on a model: `python -m serving.report --run RUN --model MODEL --output report.html`.

One file without scripts and without a network: the model as a picture, its data, how it learned,
how good it is beside its baselines, where it is wrong and where right, what it cost.
"""

import argparse
import base64
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from kinds import charts
from kinds.charts import counted
from kinds.heads.coverage import Calibration
from kinds.heads.guesses import Guess, good_ones, mistakes
from kinds.heads.metrics import KINDS as METRICS
from kinds.heads.metrics import below, is_beyond, telling
from kinds.heads.show import KINDS
from kinds.heads.slices import Slices
from kinds.memory import parts
from pipeline.console.progress import duration, lasting
from pipeline.failures import Exit, Failure, main
from pipeline.manifest import lock, write_text
from pipeline.sides import Split
from serving.reporting import figures
from serving.reporting.picture import picture
from serving.reporting.report_data import ReportData, read

TEMPLATES = Path(__file__).with_name("templates")
LONGEST_TEXT = 300
# So many of a row's columns stand in a card.
MOST_CELLS = 20


def run(arguments: Sequence[str]) -> None:
    """The command."""
    started = time.monotonic()
    options = _parser().parse_args(arguments)
    output, model = Path(options.output), Path(options.model)
    if output.is_dir() or output.resolve() == model.resolve():
        raise Failure(Exit.USAGE, "the output must be a file, and not the model", received=output)
    with lock(output), lasting("report"):
        write_text(output, render(read(Path(options.run), model)))
    print(f"report: {output} in {duration(time.monotonic() - started)}")


def render(data: ReportData) -> str:
    """The whole page."""
    return template("report.html").render(
        **styled(),
        data=data,
        figures=figures,
        alike=[*figures.neighbours(data)],
        most_cells=MOST_CELLS,
        picture=picture(data.spec, data.run.get("weights", {})),
        tiles=[_tile(data, name) for name in data.spec.heads],
        costs=costs(data),
        versions=_versions(data),
        head_figures=head_figures,
        shown_guesses=shown_guesses,
        metric_rows=metric_rows,
        between=_range,
        part_rows=part_rows,
        parts_between=parts.between,
        judged_rows=judged_rows,
        slice_rows=slice_rows,
        slices_said=slices_said,
        threshold_rows=threshold_rows,
        not_exchangeable=not_exchangeable(data),
        too_narrow=too_narrow(data),
        ended=data.run.get("ended"),
    )


def styled() -> dict[str, str]:
    """The style of a page, and the hash by which the page allows it and no other."""
    sheets = [TEMPLATES / f"{name}.css" for name in ("colours", "report")]
    style = "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return {"style": style, "style_hash": f"sha256-{digest}"}


def template(name: str) -> Any:
    """A template of ours. Raises Failure 6 where jinja2 is not installed."""
    try:
        import jinja2
    except ImportError:
        rule = "this needs jinja2: pip install '.[report]'"
        raise Failure(Exit.ENVIRONMENT, rule) from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": visible, "cell": cell, "size": charts.size, "metric": metric}
    environment.filters["counted"] = counted
    environment.globals |= {"charts": charts, "better_part": parts.better}
    return environment.get_template(name)


def visible(value: object) -> str:
    """Text of a row as something to look at: what cannot be printed is written as its number.

    >>> visible("a\\x00b"), visible(""), visible(None), visible(["if", "x"])
    ('a\\\\u0000b', '(empty)', '(missing)', 'if x')
    """
    if value is None or value != value:
        return "(missing)"
    if isinstance(value, list):
        return " ".join(visible(element) for element in value) or "(empty)"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    cut = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"
    shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut)
    return shown or "(empty)"


def cell(value: float | None, name: str = "") -> str:
    """
    >>> cell(0.25), cell(None), cell(1200, "targets"), cell(12.5)
    ('0.2500', '-', '1,200', '12.50')
    """
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.2f}"


def metric(name: str) -> str:
    """
    >>> metric("mean_reciprocal_rank")
    'mean reciprocal rank'
    """
    return name.replace("_", " ")


class MetricRow(NamedTuple):
    """`values` are those of the model, of the constant, and given the strongest input; `best` is
    the place of the one that is best, and the model `is_below` where a baseline is better, both
    only beyond noise. The model's value is `between`; `beside` has the same of the other two."""

    metric: str
    values: list[float | None]
    best: int | None
    is_below: bool
    between: Sequence[float] | None = None
    beside: Sequence[Sequence[float] | None] = (None, None)


def metric_rows(data: ReportData, name: str) -> list[MetricRow]:
    if data.split is None:
        return []
    kind, columns, rows = data.spec.heads[name].kind, _columns(data, name), []
    intervals = data.metrics.get("intervals", {}).get(data.split, {}).get(name, {})
    worse = below(kind, columns[0], columns[1:], intervals)
    for measure in telling(data.metrics[data.split].get(name, {}), _labels(data, name)):
        values = [column.get(measure) for column in columns]
        lost = [None if v is None else METRICS[kind].shortfall(measure, v) for v in values]
        known = [one for one in lost if one is not None]
        is_one = len(known) > 1 and known.count(min(known)) == 1
        best = lost.index(min(known)) if is_one else None
        between = intervals.get(measure)
        against = values[1:] if best == 0 else values[best or 0 : (best or 0) + 1]
        if not all(is_beyond(value, between) for value in against if value is not None):
            best = None
        beside = [one.get(measure) for one in _baseline_intervals(data, name)]
        rows.append(MetricRow(measure, values, best, measure in worse, between, beside))
    return rows


def part_rows(data: ReportData, name: str) -> tuple[list[str], list[tuple[str, list[Any]]]]:
    """The titles of a head's parts, and (metric, its value for each), where it has memories."""
    found = parts.columns(data.metrics.get("memory", {}).get(name, {}))
    rows = parts.rows(found) if found else []
    told = telling([metric for metric, _ in rows], _labels(data, name))
    return [title for title, _ in found], [row for row in rows if row[0] in told]


def _labels(data: ReportData, name: str) -> int | None:
    return data.statistics.labels_of.get(name)


def judged_rows(data: ReportData, name: str) -> list[tuple[str, list[str]]]:
    """(the rows that judged, [the coverage asked, the real one with its error, the mean size]) of
    each coverage of a head's answers."""
    judged = data.metrics.get("calibration", {}).get(name, {}).get("judged", {})
    sides = {"eval": "half of eval"}
    return [
        (
            f"{sides.get(side, side)}, {counted(one['rows'], 'row')}",
            [
                charts.percent(one["coverage"], 0),
                f"{charts.percent(one['held'])} ± {charts.percent(2 * one['error'])}",
                _with_error(one, "size", cell),
            ],
        )
        for side, every in judged.items()
        for one in every
    ]


def slice_rows(data: ReportData, name: str) -> list[tuple[str, list[str]]]:
    """(the slice, [rows, the real coverage with its error, what it would be if all rows were
    calibrated alike]) on the last split, of a head whose coverage holds slice by slice."""
    made = data.metrics.get("calibration", {}).get(name, {}).get("slices", {})
    return [
        (
            one["slice"],
            [
                f"{one['rows']:,}",
                f"{charts.percent(one['held'])} ± {charts.percent(2 * one['error'])}",
                _with_error(one, "by_all", charts.percent),
            ],
        )
        for one in made.get("judged", {}).get(data.split, [])
    ]


def _with_error(said: Mapping[str, float], what: str, shown: Callable[[float], str]) -> str:
    """A mean, and twice its standard error, which runs of an earlier version do not have."""
    mean, error = shown(float(said[what])), said.get(f"{what}_error")
    return mean if error is None else f"{mean} ± {shown(2 * error)}"


def slices_said(data: ReportData, name: str) -> str:
    """What the coverage of such a head holds for."""
    made = data.metrics["calibration"][name]
    return Slices.from_json(made["slices"], Calibration.from_json(made)).said()


def threshold_rows(data: ReportData, name: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """(the rows that judged, [precision, recall, F1, share of yes], with intervals)."""
    judged = data.metrics.get("thresholds", {}).get(name, {}).get("judged", {})
    sides = {"eval": "half of eval"}
    return [
        (
            f"{sides.get(side, side)}, {counted(one['rows'], 'row')}",
            [
                (charts.percent(one[what]), _shares(one.get("intervals", {}).get(what)))
                for what in ("precision", "recall", "f1", "said_yes")
            ],
        )
        for side, one in judged.items()
    ]


def _shares(between: Sequence[float] | None) -> str:
    if between is None:
        return ""
    return f"{charts.percent(between[0]).removesuffix(' %')} to {charts.percent(between[1])}"


def too_narrow(data: ReportData) -> str:
    """What is to be known of intervals over rows."""
    return Split.of(data.spec.split.model_dump(mode="json")).too_narrow()


def not_exchangeable(data: ReportData) -> str:
    """Why a coverage is not promised, where it is not."""
    return Split.of(data.spec.split.model_dump(mode="json")).not_exchangeable()


def head_figures(data: ReportData, name: str) -> Iterator[charts.Figure]:
    """What is drawn of a head beside its metrics."""
    return KINDS[data.spec.heads[name].kind].figures(data.scored[name])


def shown_guesses(data: ReportData, name: str) -> list[tuple[str, list[Guess]]]:
    """(title, rows): where a head is most wrong, and where it is right."""
    scored, kind = data.scored[name], KINDS[data.spec.heads[name].kind]
    return [
        (kind.mistakes_title(), mistakes(scored.guesses)),
        ("Good predictions", good_ones(scored.guesses, scored.counts)),
    ]


def strongest_input(data: ReportData, name: str) -> str | None:
    """The input whose baseline is the strongest."""
    said = data.metrics.get("baselines", {}).get(name, {}).get("strongest_input") or {}
    return said.get("input")


def _columns(data: ReportData, name: str) -> list[Mapping[str, float]]:
    """The metrics of a head on the last split: the model's, then its baselines'."""
    own = data.metrics["baselines"].get(name, {})
    split = data.split or ""
    baselines = [own.get(which) or {} for which in ("constant", "strongest_input")]
    return [data.metrics[split].get(name, {}), *(b.get(split) or {} for b in baselines)]


def _baseline_intervals(data: ReportData, name: str) -> list[Mapping[str, Sequence[float]]]:
    """Those of its baselines, in the order of `_columns`; runs of an earlier version have none."""
    own = data.metrics.get("baseline_intervals", {}).get(name, {})
    return [own.get(which, {}).get(data.split, {}) for which in ("constant", "strongest_input")]


def _tile(data: ReportData, name: str) -> dict[str, Any]:
    """A head in one number, beside the best that its baselines reach."""
    kind = METRICS[data.spec.heads[name].kind]
    measure, *others = kind.headlines()
    rows = {row.metric: row for row in metric_rows(data, name)}
    values = rows[measure].values if measure in rows else [None, None, None]
    most = max((v for v in values if v is not None), default=1.0) or 1.0
    words = _words(measure, values)
    lower_is_better = kind.shortfall(measure, 0.0) < kind.shortfall(measure, 1.0)
    source = strongest_input(data, name)
    names = ["this model", "constant", f"given {source}" if source else None]
    shown = [rows[other] for other in (measure, *others) if other in rows]
    further = [row for row in shown if row.metric != measure and row.values[0] is not None]
    bars = [
        (who, word, value / most)
        for who, word, value in zip(names, words, values, strict=True)
        if who and word and value is not None
    ]
    return {
        "head": name,
        "metric": metric(measure) + (", lower is better" if lower_is_better else ""),
        "value": words[0] or "-",
        "between": _range_of(measure, rows[measure].between) if measure in rows else "",
        "bars": bars,
        "further": [
            (
                metric(r.metric),
                _words(r.metric, r.values)[0],
                r.is_below,
                _range_of(r.metric, r.between),
            )
            for r in further
        ],
        "worse": [metric(row.metric) for row in rows.values() if row.is_below],
    }


def _range(between: Sequence[float] | None) -> str:
    return "" if between is None else f"{cell(between[0])} to {cell(between[1])}"


def _range_of(measure: str, between: Sequence[float] | None) -> str:
    """As the value of this metric is written."""
    return _shares(between) if _is_share(measure) else _range(between)


def _words(measure: str, values: Sequence[float | None]) -> list[str | None]:
    said = charts.percent if _is_share(measure) else cell
    return [None if value is None else said(value) for value in values]


def _is_share(measure: str) -> bool:
    return measure.startswith(("accuracy", "precision", "recall"))


def costs(data: ReportData) -> list[tuple[str, str, str, str, str]]:
    """(stage, time, time of all cores, peak of memory, what came out)."""
    rows = data.statistics.rows
    heads = counted(len(data.spec.heads), "head")
    ended = data.run.get("ended", {})
    epochs = counted(ended.get("epochs", data.spec.training.epochs), "epoch")
    stages = [
        ("prepare", data.run.get("prepared_at_cost"), counted(rows.get("read", 0), "row")),
        ("train", data.run.get("cost"), f"{epochs}{'' if ended else ' at most'}, {heads}"),
        ("export", data.export.get("cost"), f"one file of {charts.size(data.bytes)}"),
    ]
    said = [
        (
            stage,
            duration(cost["seconds"]),
            duration(cost["cpu_seconds"]),
            charts.size(cost["peak_bytes"]),
            result,
        )
        for stage, cost, result in stages
        if cost
    ]
    speed = f"{data.speed:,.0f} rows/s while this report was made"
    return [*said, ("score", "-", "-", "-", speed)]


def _versions(data: ReportData) -> dict[str, str]:
    """Library: version, of the stages that say so and of this process."""
    known = {**data.run.get("versions", {}), **data.file.facts.get("versions", {})}
    for library in ("onnxruntime", "pyarrow"):
        try:
            known[f"{library}, scoring here"] = version(library)
        except PackageNotFoundError:
            continue
    return known


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving.report",
        description="One HTML file on a model and its data.",
        epilog="Example: python -m serving.report --run OUT/run --model OUT/model/model.onnx "
        "--output report.html",
    )
    parser.add_argument("--run", required=True, help="the folder of a finished training run")
    parser.add_argument("--model", required=True, help="the model.onnx that was exported from it")
    parser.add_argument("--output", required=True, help="the HTML file to write")
    return parser


if __name__ == "__main__":
    main(run)
