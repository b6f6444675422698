"""The input `date`: what a cell is read as, its features everywhere, and all stages."""

import datetime
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from chain import read_json, through_all_stages, words
from keras import ops
from onnx import TensorProto, helper

from examples.made_up_rows import rows_for
from kinds.columns import Field, cast
from kinds.columns.dates import FORMATS, seconds_of
from kinds.datetimes import HIGHEST, LOWEST, MISSING
from kinds.inputs.date import graph, onnx, prepare, show
from kinds.inputs.date.network import on_a_circle
from kinds.inputs.date.spec import SIZES, Date
from kinds.inputs.onnx import RawInput
from kinds.looks.column import Column
from kinds.nodes import Nodes
from kinds.prepare import Findings, Known
from kinds.tensors import feature
from pipeline.failures import Exit, Failure
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from serving import report, score
from serving.ask import answer
from serving.page import COLUMN_SCRIPTS, READING_SCRIPT, RUNTIME
from serving.scorer import Scorer

EPOCH = datetime.datetime(1970, 1, 1)
ALL = Date(parts=("year", "month", "day", "weekday", "hour", "days"))
KNOWN = Known(mean=np.float32(18_000.25), std=np.float32(365.5))
CUT = Date(parts={"days": "ids", "hour": "cyclic"}, buckets=3)
BOUNDARIES = np.array([-0.5, 19_000], np.float32)


def at(*time: int) -> int:
    return int((datetime.datetime(*time) - EPOCH).total_seconds())  # type: ignore[arg-type]


WRITTEN: dict[str, dict[str, int | None]] = {
    "iso": {
        "2024-02-29": at(2024, 2, 29),
        " 2024-01-31 18:30 ": at(2024, 1, 31, 18, 30),
        "2024-01-31T18:30:05": at(2024, 1, 31, 18, 30, 5),
        "2024-01-31t18:30:05z": at(2024, 1, 31, 18, 30, 5),
        "2024-01-31 18:30:05.999999999": at(2024, 1, 31, 18, 30, 5),
        "1969-12-31 23:59:59,5": at(1969, 12, 31, 23, 59, 59),
        "2024-01-31 18:30:05+01:00": at(2024, 1, 31, 17, 30, 5),
        "2024-01-31T18:30-0530": at(2024, 2, 1, 0, 0),
        "2024-01-31 18:30:00+05": at(2024, 1, 31, 13, 30),
        "2024-01-31 18:30:00 UTC": at(2024, 1, 31, 18, 30),
        "0001-01-01": LOWEST,
        "9999-12-31 23:59:59.9": HIGHEST,
        "": MISSING,
        "  ": MISSING,
        "NaT": MISSING,
        "nan": MISSING,
        "2023-02-29": None,
        "1900-02-29": None,
        "2024-13-01": None,
        "2024-00-01": None,
        "2024-01-00": None,
        "0000-01-01": None,
        "2024-1-1": None,
        "2024-01-01 24:00": None,
        "2024-01-01 23:60": None,
        "2024-01-01 23:59:60": None,
        "2024-01-01 12:00+24:00": None,
        "2024-01-01 12:00+01:60": None,
        "0001-01-01 00:00+00:01": None,
        "9999-12-31 23:59-00:01": None,
        "2024-01-01Z": None,
        "20240101": None,
        "1704067200": None,
        "01/02/2024": None,
        "yesterday": None,
        "\u0662024-01-01": None,
    },
    "D/M/Y": {
        "31/01/2024": at(2024, 1, 31),
        "1/2/2024": at(2024, 2, 1),
        "1/2/2024 18:30": at(2024, 2, 1, 18, 30),
        "01/02/2024 6:30:05 PM": at(2024, 2, 1, 18, 30, 5),
        "01/02/2024 12:00 am": at(2024, 2, 1),
        "01/02/2024 12:00PM": at(2024, 2, 1, 12),
        "": MISSING,
        "01/31/2024": None,
        "1/2/24": None,
        "1.2.2024": None,
        "01/02/2024 13:00 PM": None,
        "01/02/2024 0:00 AM": None,
        "2024-02-01": None,
    },
    "M/D/Y": {"01/31/2024": at(2024, 1, 31), "1/2/2024": at(2024, 1, 2), "31/01/2024": None},
    "Y/M/D": {"2024/01/31": at(2024, 1, 31), "2024/1/2 03:04": at(2024, 1, 2, 3, 4)},
    "D.M.Y": {"31.1.2024": at(2024, 1, 31), "31/1/2024": None},
    "Y-M-D": {"2024-1-2": at(2024, 1, 2), "2024-1-2T00:00": None},
    "D Mon Y": {
        "31-Jan-2024": at(2024, 1, 31),
        "31 JANUARY 2024 6:30 PM": at(2024, 1, 31, 18, 30),
        "1 Sept. 2024": at(2024, 9, 1),
        "10/Oct/2000:13:55:36 -0700": at(2000, 10, 10, 20, 55, 36),
        "Tue, 01 Apr 2025 13:00:00 GMT": at(2025, 4, 1, 13),
        "2-May-2024 10:05:06.5Z": at(2024, 5, 2, 10, 5, 6),
        "": MISSING,
        "29-Feb-2023": None,
        "31-Jun-2024": None,
        "31-Janu-2024": None,
        "31-Jan-24": None,
        "31-01-2024": None,
        "Jan 31, 2024": None,
    },
    "Mon D Y": {
        "Jan 31, 2024": at(2024, 1, 31),
        "December 1 2024 12:00 am": at(2024, 12, 1),
        "Sat Mar 01 2025 10:00:00 GMT+0200": at(2025, 3, 1, 8),
        "31-Jan-2024": None,
        "Mon 31, 2024": None,
    },
    "YMD": {"20240131": at(2024, 1, 31), "20241301": None, "2024-01-31": None, "2024013": None},
    "seconds": {
        "0": 0,
        "1706725805": at(2024, 1, 31, 18, 30, 5),
        "1706725805.9": at(2024, 1, 31, 18, 30, 5),
        "1.7e9": 1_700_000_000,
        "+5": 5,
        "-0.5": -1,
        "NaN": MISSING,
        str(HIGHEST): HIGHEST,
        str(HIGHEST + 1): None,
        str(LOWEST - 1): None,
        "1e300": None,
        "1e999": None,
        "inf": None,
        "2024-01-31": None,
    },
    "milliseconds": {"1706725805999": at(2024, 1, 31, 18, 30, 5), "-1": -1, "x": None},
}
CELLS = [(form, text, said) for form, cells in WRITTEN.items() for text, said in cells.items()]


def typed(
    column: pa.Array, form: str = "iso", **more: Any
) -> tuple[list[int], list[int], set[str]]:
    """Seconds of the good rows, which rows they are, and why the others are bad."""
    rows = pa.RecordBatch.from_arrays([column], names=["x"])
    good, places, bad = cast(rows, [Field("x", "date", dates=form, **more)])
    assert good.column(0).type == pa.timestamp("s")
    return seconds_of(good.column(0)).tolist(), places.tolist(), {one.reason for one in bad}


@pytest.mark.parametrize("form", WRITTEN)
def test_a_text_is_the_time_that_its_format_says(form: str) -> None:
    cells = WRITTEN[form]
    expected = [(row, said) for row, said in enumerate(cells.values()) if said is not None]
    seconds, places, reasons = typed(pa.array([*cells]), form)
    assert [*zip(places, seconds, strict=True)] == expected
    assert reasons == ({"not_a_date"} if None in cells.values() else set())
    for text, said in cells.items():
        assert typed(pa.array([text]), form)[0] == [said] * (said is not None), text


SCRIPT = """
const cells = JSON.parse(require("fs").readFileSync(0));
console.log(JSON.stringify(cells.map(([dates, text]) => {
  const field = { column: "x", dates, required: false, missing_words: ["-", "9999-12-31"] };
  try {
    return String(columnKinds.date.tensor(field, withoutWords(field, text))[1][0]);
  } catch { return "refused"; }
})));
"""


def test_the_page_reads_what_the_scorer_reads() -> None:
    node = shutil.which("node") or pytest.skip("there is no node on this machine")
    kinds = "".join(f"{kind}: {text.strip()},\n" for kind, text in COLUMN_SCRIPTS.items())
    code = f"{READING_SCRIPT}const columnKinds = {{\n{kinds}}};\n{SCRIPT}"
    cells = [*CELLS, ("iso", " - ", MISSING), ("iso", "9999-12-31T00:00:00", MISSING)]
    given = json.dumps([cell[:2] for cell in cells])
    done = subprocess.run([node, "-e", code], input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = dict(zip([cell[:2] for cell in cells], json.loads(done.stdout), strict=True))
    assert found == {cell[:2]: "refused" if cell[2] is None else str(cell[2]) for cell in cells}


def arrays(times: list[datetime.datetime | None]) -> dict[str, pa.Array]:
    """The same points in time as files have them."""
    made = {unit: pa.array(times, pa.timestamp(unit)) for unit in ("s", "ms", "us", "ns")}
    made["zoned"] = (
        made["us"].cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", "Asia/Tokyo"))
    )
    made["dictionary"] = made["ms"].dictionary_encode()
    said = [None if time is None else time.isoformat(" ") for time in times]
    return made | {"csv": pa.array(said), "bytes": pa.array(said, pa.binary())}


def test_a_point_in_time_is_one_value_however_it_is_stored() -> None:
    times = [datetime.datetime(2024, 1, 31, 18, 30, 5), None, datetime.datetime(1969, 12, 31, 23)]
    expected = ([at(2024, 1, 31, 18, 30, 5), MISSING, -3600], [0, 1, 2], set[str]())
    for stored, column in arrays(times).items():
        assert typed(column) == expected, stored
    days = [datetime.date(2024, 1, 31), None, datetime.date(1, 1, 1), datetime.date(9999, 12, 31)]
    expected = ([at(2024, 1, 31), MISSING, LOWEST, HIGHEST - 86_399], [0, 1, 2, 3], set[str]())
    written = [None if day is None else str(day) for day in days]
    for column in (pa.array(days, pa.date32()), pa.array(days, pa.date64()), pa.array(written)):
        assert typed(column) == expected


def test_a_category_of_times_has_one_text_however_they_are_stored() -> None:
    times = [datetime.datetime(2024, 1, 31), None, datetime.datetime(1969, 12, 31, 23)]
    field = Field("x", "text", reading="values")
    for stored, column in arrays(times).items():
        rows = pa.RecordBatch.from_arrays([column], names=["x"])
        texts = cast(rows, [field])[0].column(0).to_pylist()
        marks = "Z" if stored == "zoned" else ""
        expected = ["2024-01-31", None, "1969-12-31 23:00:00"]
        if marks:
            expected = ["2024-01-31 00:00:00Z", None, "1969-12-31 23:00:00Z"]
        assert texts == expected, stored
    for kind in (pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("ns")):
        day = pa.RecordBatch.from_arrays([pa.array([times[0]], kind)], names=["x"])
        assert cast(day, [field])[0].column(0).to_pylist() == ["2024-01-31"]


def test_fractions_are_cut_off_towards_the_past() -> None:
    for unit, count in (("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)):
        column = pa.array([-1, count - 1, -count], pa.timestamp(unit))
        assert typed(column)[0] == [-1, 0, -1]


def test_numbers_are_dates_where_the_format_is_one_of_numbers() -> None:
    assert typed(pa.array([5, None, -5]), "seconds")[0] == [5, MISSING, -5]
    assert typed(pa.array([5_999, None, -1]), "milliseconds")[0] == [5, MISSING, -1]
    assert typed(pa.array([5.9, np.nan, -0.5]), "seconds")[0] == [5, MISSING, -1]
    assert typed(pa.array([2**64 - 1], pa.uint64()), "seconds") == ([], [], {"not_a_date"})
    assert typed(pa.array([np.inf, -np.inf]), "seconds") == ([], [], {"not_a_date"})
    assert typed(pa.array([20240131, None]), "YMD")[0] == [at(2024, 1, 31), MISSING]
    assert typed(pa.array([20240131.0, np.nan]), "YMD")[0] == [at(2024, 1, 31), MISSING]
    assert typed(pa.array([], pa.string())) == ([], [], set())


@pytest.mark.parametrize(
    ("column", "form"),
    [
        (pa.array([1]), "iso"),
        (pa.array([1.0]), "D/M/Y"),
        (pa.array([True]), "seconds"),
        (pa.array([True]), "YMD"),
        (pa.array([1], pa.time32("s")), "iso"),
        (pa.array([1], pa.duration("s")), "seconds"),
        (pa.array([[1]]), "seconds"),
    ],
)
def test_what_can_never_be_a_date_is_a_failure_that_names_the_column(
    column: pa.Array, form: str
) -> None:
    with pytest.raises(Failure, match="column 'x' must be readable as date") as failure:
        typed(column, form)
    assert failure.value.exit_code == Exit.USAGE


def test_a_required_date_that_is_missing_is_a_bad_row() -> None:
    assert typed(pa.array(["2024-01-31", ""]), required=True)[1:] == ([0], {"missing"})


def test_a_typed_column_is_read_as_itself_again() -> None:
    column = pa.array([0, None, LOWEST], pa.timestamp("s"))
    for form in FORMATS:
        assert typed(column, form)[0] == [0, MISSING, LOWEST]


def hard_seconds() -> np.ndarray:
    """100,000 points in time at random, the hardest ones, and some that are none."""
    random = np.random.default_rng(7)
    drawn = random.integers(LOWEST, HIGHEST + 1, 100_000)
    ends = [at(y, 12, 31, 23, 59, 59) for y in (1, 4, 100, 400, 1600, 1899, 1900, 1970, 2099, 9998)]
    ends += [at(y, 2, 28, 23, 59, 59) for y in (4, 100, 400, 1900, 2000, 2023, 2024, 9999)]
    near = [one + step for one in [*ends, 0] for step in (-1, 0, 1, 86_400)]
    return np.array([*drawn, *near, LOWEST, HIGHEST, *BEYOND], np.int64)


BEYOND = [LOWEST - 1, HIGHEST + 1, MISSING, MISSING + 1, 2**63 - 1]


def expected(second: int) -> list[int]:
    """year, month, day, weekday and hour as ids, by Python's datetime."""
    if not LOWEST <= second <= HIGHEST:
        return [202, 12, 31, 7, 24]
    time = EPOCH + datetime.timedelta(seconds=second)
    year = 0 if time.year < 1900 else min(time.year - 1899, 201)
    return [year, time.month - 1, time.day - 1, time.weekday(), time.hour]


def in_arrow(part: Date, seconds: np.ndarray, known: Known) -> dict[str, np.ndarray]:
    """What lies beyond the calendar is missing before it comes so far."""
    there = (seconds >= LOWEST) & (seconds <= HIGHEST)
    column = pa.array(seconds, pa.int64(), mask=~there).cast(pa.timestamp("s"))
    made = prepare.features("x", part, column, known)
    return {name: lists.flatten().to_numpy() for name, lists in made.items()}


def in_the_graph(part: Date, seconds: np.ndarray, known: Known) -> dict[str, np.ndarray]:
    made = graph.features("x", part, tf.constant(seconds), None, known)
    return {name: values.numpy()[:, 0] for name, values in made.items()}


def in_the_file(part: Date, seconds: np.ndarray, known: Known) -> dict[str, np.ndarray]:
    nodes, names = Nodes(), prepare.feature_names("x", part)
    learned = {"mean": known.mean, "std": known.std, "boundaries": known.boundaries}
    onnx.add_nodes(nodes, "x", part, RawInput("column", numbers=learned))
    is_float = [name.startswith("x.days") and part.buckets is None for name in names]
    made = helper.make_graph(
        nodes.nodes,
        "x",
        [helper.make_tensor_value_info("column", TensorProto.INT64, ["rows"])],
        [
            helper.make_tensor_value_info(
                feature(name), TensorProto.FLOAT if floats else TensorProto.INT32, ["rows"]
            )
            for name, floats in zip(names, is_float, strict=True)
        ],
        nodes.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return dict(zip(names, session.run(None, {"column": seconds}), strict=True))


def test_100000_dates_have_the_calendar_of_datetime_in_arrow_the_graph_and_the_file() -> None:
    seconds = hard_seconds()
    ids = np.array([expected(second) for second in seconds.tolist()])
    there = (seconds >= LOWEST) & (seconds <= HIGHEST)
    days = ((seconds // 86_400).astype(np.float32) - KNOWN.mean) / KNOWN.std
    days = np.clip(np.where(there, days, 0), -100, 100)
    for made in (in_arrow, in_the_graph, in_the_file):
        found = made(ALL, seconds, KNOWN)
        assert list(found) == prepare.feature_names("x", ALL)
        for at_place, piece in enumerate(SIZES):
            assert np.array_equal(found[f"x.{piece}"], ids[:, at_place]), (made, piece)
        np.testing.assert_allclose(found["x.days"], days, rtol=3e-7)
        assert np.array_equal(found["x.days.missing"], ~there)


def test_days_can_be_cut_into_buckets() -> None:
    seconds = np.array([-86_401, -1, 0, at(2022, 1, 7), at(2022, 1, 8), MISSING])
    known = Known(boundaries=BOUNDARIES)
    for made in (in_arrow, in_the_graph, in_the_file):
        found = made(CUT, seconds, known)
        assert found["x.days"].tolist() == [0, 0, 1, 1, 2, 3]
        assert found["x.hour"].tolist() == [23, 23, 0, 0, 0, 24]


def test_a_place_on_the_circle_is_its_sine_and_cosine_and_the_centre_where_it_is_missing() -> None:
    found = ops.convert_to_numpy(on_a_circle(ops.convert_to_tensor([0, 3, 6, 9, 12]), 12))
    right = [[0, 1], [1, 0], [0, -1], [-1, 0], [0, 0]]
    np.testing.assert_allclose(found, right, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("format: D/M", "format"),
        ("parts: []", "parts"),
        ("parts: [minute]", "parts"),
        ("parts: [hour, hour]", "`parts` must name each part once"),
        ("parts: {hour: number}", "only `days` are a number"),
        ("parts: {days: cyclic}", "days never come round again"),
        ("parts: {year: cyclic}", "year never come round again"),
        ("parts: {days: ids}", "`days: ids` and the number of `buckets` go together"),
        ("parts: [days], buckets: 5", "`days: ids` and the number of `buckets` go together"),
        ("missing: 0", "missing"),
        ("vocabulary: word", "vocabulary"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_their_place(settings: str, said: str) -> None:
    with pytest.raises(Failure, match=r"inputs\.seen") as failure:
        parse_spec(SPEC.replace("missing: reject, format: D/M/Y, parts: [weekday]", settings))
    assert said in str(failure.value)


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["2024-01-31", "", "2024-02-01"], {"parts": ["month", "weekday", "days"]}),
        (["2024-01-31 18:30:00", "2024-02-01 00:00:00"], {}),
        (["31.01.2024", "1.2.2024"], {"format": "D.M.Y", "parts": ["month", "weekday", "days"]}),
        (["1/31/2024 6:30 PM", "2/1/2024"], {"format": "M/D/Y"}),
        (
            ["31-Jan-2024", "1-Feb-2024"],
            {"format": "D Mon Y", "parts": ["month", "weekday", "days"]},
        ),
        (["10/Oct/2000:13:55:36 -0700", "11/Oct/2000:01:02:03 +0000"], {"format": "D Mon Y"}),
        (["20240131", "20240201"], {"format": "YMD", "parts": ["month", "weekday", "days"]}),
        (["1970-01-01", "1976-01-01", "1982-01-01"], {"parts": ["days"]}),
        (["2023-01-31", "2023-02-28", "2023-03-31"], {"parts": ["month", "days"]}),
        (["2024-01-30", "2024-01-31", "2024-01-02"], {"parts": ["weekday", "days"]}),
        (["2024-01-31", "soon"], None),
        (["1706725805", "1706725806"], None),
        (["20240131", "20241301"], None),
        (["a", "b"], None),
    ],
)
def test_a_column_of_dates_looks_like_one(texts: list[str], form: dict[str, object] | None) -> None:
    look = show.could_be(Column("x", "x", pa.array(texts)))
    settings = None if look is None else {**look.settings}
    assert settings == form


def test_a_day_that_may_be_a_month_is_less_sure() -> None:
    look = show.could_be(Column("x", "x", pa.array(["1/2/2024", "3/4/2024"])))
    assert look is not None and look.settings["format"] == "D/M/Y" and look.sure < 0.7


@pytest.mark.parametrize(("missing", "names"), [(4, ["ALL_MISSING"]), (1, [])])
def test_dates_that_are_all_missing_are_an_anomaly(missing: int, names: list[str]) -> None:
    rows = pa.array([None] * missing + [86_400] * (4 - missing), pa.timestamp("s"))
    for part in (Date(), Date(parts=("days",)), CUT):
        known = Known(boundaries=BOUNDARIES)
        made = pa.RecordBatch.from_pydict(prepare.features("x", part, rows, known))
        counts = Counter(prepare.counts("x", part, made, 0))
        assert counts == {"values": 4, "missing": missing}
        found = Findings(dict(prepare.statistics(part, {"train": counts})))
        assert [name for name, _ in prepare.anomalies(part, found)] == names


def test_made_up_dates_can_be_read_by_their_format() -> None:
    random = np.random.default_rng(0)
    for form in FORMATS:
        part = Date.model_validate({"format": form})
        cells, worth = show.made_up(part, [], 500, 0.1, random)
        seconds, places, _ = typed(cells, form)
        assert len(places) == 500 and 0.7 < worth.std() < 1.3
        assert ((np.array(seconds) == MISSING) == (worth == 0)).all()


SPEC = """
name: dates
keys: [row]
missing_words: ["?"]
inputs:
  when: {kind: date, column: happened at, parts: {month: ids, weekday: cyclic, days: number}}
  seen: {kind: date, missing: reject, format: D/M/Y, parts: [weekday]}
  made: {kind: date, format: seconds, parts: {days: ids, year: ids}, buckets: 10, embedding: 4}
memory: {season: {of: [when.month, made.days]}}
trunk: {layers: [8]}
heads:
  bought: {kind: binary}
  amount: {kind: regression, memory: [season]}
split: {by: hash, columns: [row], eval: 0.2, test: 0.2}
training: {epochs: 6, batch_size: 32, learning_rate: 0.02}
"""


@pytest.fixture(scope="module")
def spec() -> Spec:
    return parse_spec(SPEC)


@pytest.fixture(scope="module")
def rows(spec: Spec) -> pa.Table:
    return rows_for(spec, 1500, seed=5)


@pytest.fixture(scope="module")
def output(spec: Spec, rows: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return through_all_stages(spec, rows, tmp_path_factory.mktemp("date") / "out")


def test_a_model_learns_from_dates(output: Path) -> None:
    metrics = read_json(output / "run" / "metrics.json")
    for head, measure in (("bought", "log_loss"), ("amount", "root_mean_squared_error")):
        constant = metrics["baselines"][head]["constant"]["test"][measure]
        assert metrics["test"][head][measure] < 0.7 * constant


def test_prepare_says_how_days_are_spread_and_how_many_are_missing(output: Path) -> None:
    said = read_json(output / "data" / "statistics.json")
    assert 0.02 < said["inputs"]["when"]["train"]["missing"] < 0.08
    assert said["inputs"]["seen"]["train"]["missing"] == 0
    days = said["distributions"]["when"]["percentiles"]
    assert datetime.date.fromordinal(int(days[0]) + 719_163).year == 2022
    assert len(said["numbers"]["made"]["boundaries"]) == 9
    # What is predicted rises with the first part of each, and of `made` that is its day.
    assert [(w["anomaly"], w["of"]) for w in said["warnings"]] == [("LATER_ROWS_IN_TRAIN", "made")]


def test_the_file_takes_seconds_and_is_certified_on_hard_dates(output: Path) -> None:
    certificate = read_json(output / "model" / "certificate.json")
    features = certificate["largest_differences"]["features"]
    assert {"when.month", "when.weekday", "when.days", "when.days.missing", "made.days"} < {
        *features
    }
    assert max(value for name, value in features.items() if name != "when.days") == 0
    assert {"missing_dates", "first_dates", "last_dates", "leap_days"} < {*certificate["cases"]}
    session = onnxruntime.InferenceSession(output / "model" / "model.onnx")
    taken = {given.name: given.type for given in session.get_inputs()}
    assert taken == dict.fromkeys(["happened at", "seen", "made"], "tensor(int64)")


def test_the_card_and_the_report_show_it(output: Path) -> None:
    card = (output / "model" / "README.md").read_text(encoding="utf-8")
    assert "| when | happened at | date |" in card
    assert "| seen | seen | date | the row is bad |" in card
    made = words("--run", output / "run", "--model", output / "model" / "model.onnx")
    report.run([*made, "--output", str(output / "report.html")])
    assert ">month, ids<" in (output / "report.html").read_text(encoding="utf-8")


def test_a_time_has_one_score_however_it_is_written(output: Path) -> None:
    scorer = Scorer(output / "model" / "model.onnx")

    def scores(when: pa.Array, seen: str = "31/01/2023") -> list[float]:
        count = len(when)
        table = pa.table({"row": ["r"] * count, "happened at": when, "seen": [seen] * count})
        table = table.append_column("made", pa.array([1_675_000_000] * count))
        found: list[float] = scorer.score(table)["bought.score"].to_pylist()
        return found

    times = [datetime.datetime(2023, 5, 6, 7, 8), None, datetime.datetime(2022, 1, 2)]
    first, *others = [scores(column) for column in arrays(times).values()]
    assert all(other == first for other in others) and len({*first}) == 3
    assert scores(pa.array(["?", "NaT", ""])) == [first[1]] * 3
    with pytest.raises(Failure, match="not_a_date in column 'happened at'"):
        scores(pa.array(["06/05/2023"]))
    with pytest.raises(Failure, match="missing in column 'seen'"):
        scores(pa.array(["2023-05-06"]), "?")


def test_a_question_is_answered(output: Path) -> None:
    scorer = Scorer(output / "model" / "model.onnx", workers=1)
    row = {"happened at": "2023-05-06T07:08", "seen": "31/01/2023", "made": "1675000000"}
    assert "bought" in answer(scorer, row)
    with pytest.raises(Failure, match="not_a_date in column 'seen'"):
        answer(scorer, row | {"seen": "01/31/2023"})


BROWSER = """
import * as ort from "RUNTIME";
import fs from "node:fs";
const [model, rows] = JSON.parse(fs.readFileSync(0));
const session = await ort.InferenceSession.create(fs.readFileSync(model));
const scores = [];
for (const row of rows) {
  const tensor = (second) => new ort.Tensor("int64", [BigInt(second)], [1]);
  const given = Object.entries(row).map(([name, second]) => [name, tensor(second)]);
  scores.push((await session.run(Object.fromEntries(given)))["bought.score"].data[0]);
}
console.log(JSON.stringify(scores));
"""


def test_the_runtime_for_browsers_gives_the_scores_of_the_scorer(output: Path) -> None:
    node = shutil.which("node") or pytest.skip("there is no node on this machine")
    runtime = RUNTIME / "ort.node.min.mjs"
    if not runtime.exists():
        pytest.skip("onnxruntime-web is not installed: make web")
    model = output / "model" / "model.onnx"
    columns = Scorer(model).columns
    seconds = [*BEYOND, LOWEST, HIGHEST, -1, 0, at(2024, 2, 29, 23, 59, 59), at(2022, 12, 31)]
    given = json.dumps([str(model), [{name: str(one) for name in columns} for one in seconds]])
    code = BROWSER.replace("RUNTIME", str(runtime))
    line = [node, "--input-type=module", "-e", code]
    done = subprocess.run(line, input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    session = onnxruntime.InferenceSession(model)
    fed = {name: np.array(seconds, np.int64) for name in columns}
    (expected,) = session.run(["bought.score"], fed)
    np.testing.assert_allclose(json.loads(done.stdout), expected, atol=1e-6)


def test_later_rows_have_drifted(output: Path, rows: pa.Table) -> None:
    place = rows.schema.get_field_index("happened at")
    later = pa.array([datetime.datetime(2024, 6, 1)] * rows.num_rows)
    pq.write_table(rows.set_column(place, "happened at", later), output / "later.parquet")
    model, to = output / "model" / "model.onnx", output / "later.csv"
    score.run(
        words("--model", model, "--input", output / "later.parquet", "--output", to, "--drift")
    )
    found = json.loads((output / "later.csv.drift.json").read_text())
    distances = {one["of"]: one for one in found["distances"]}
    assert distances["when"]["distance"] > 0.8
    assert distances["made"]["distance"] < 0.05
