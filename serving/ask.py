"""Asks a model about rows typed by hand: `python -m serving.ask --model MODEL`.

    tokens=self . assert
    package=test
                             an empty line, or the end of the input, answers
    identifier
       56.2 %  assertEqual
       12.0 %  assertTrue

A line is `column=value`; a column that is not given is missing. A typo is told at once, and the
next line may put it right. Needs what the scorer needs.
"""

import argparse
import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import pyarrow as pa

from kinds.columns import Field, cast
from kinds.heads.show import KINDS
from pipeline.failures import Exit, Failure, main
from pipeline.near import near
from serving.further import Further, with_columns
from serving.model_file.candidates import Candidates
from serving.model_file.unknown import UnknownValues
from serving.scorer import Scorer
from serving.scoring.asked import add_further, asked
from serving.scoring.limits import add_limits, limits_from
from serving.scoring.options import add_answers, positive


def run(arguments: Sequence[str]) -> None:
    """The command. Ends with the code of the first row that could not be answered."""
    options = _parser().parse_args(arguments)
    scorer = Scorer(
        options.model,
        workers=1,
        coverage=options.coverage,
        min_score=options.min_score,
        answers=options.answers,
    )
    is_person = sys.stdin.isatty()
    if isinstance(sys.stdin, io.TextIOWrapper):
        # A byte that is no letter is that line's fault, not the end of all.
        sys.stdin.reconfigure(errors="surrogateescape")
    candidates = scorer.candidates(limits_from(options, scorer.heads()))
    notes = [f"note: {one}" for one in scorer.notes()]
    for line in [*(candidates.unknown if candidates else []), *notes]:
        print(line, file=sys.stderr)
    if is_person:
        columns = dict.fromkeys(field.column for field in _fields(scorer, candidates))
        print(f"columns: {', '.join(columns)}; an empty line answers, Ctrl-D ends")
    further = asked(options).made(scorer, None)
    what = options.top_k, further, candidates
    if code := converse(scorer, sys.stdin, *what, is_person=is_person):
        sys.exit(code)


def converse(
    scorer: Scorer,
    lines: Iterable[str],
    top_k: int | None,
    further: Sequence[Further] = (),
    candidates: Candidates | None = None,
    *,
    is_person: bool,
) -> int:
    """Answers each row, and goes on after a message where a line or a row does not fit.

    A person keeps what else was typed of the row. Piped lines are of a row that nobody mends: it
    has no answer, and the code of the first such failure comes back.
    """
    row: dict[str, str] = {}
    code, is_spoiled = 0, False
    for number, line in enumerate(chain(_prompted(lines, is_person=is_person), [""])):
        line = line if number else line.removeprefix("\ufeff")
        is_end = not line.rstrip("\r\n")
        try:
            if is_end and row and not is_spoiled:
                print(answer(scorer, row, top_k, further, candidates), flush=True)
            elif not is_end:
                row |= cell_of(line.rstrip("\r\n"), _fields(scorer, candidates))
        except Failure as failure:
            print(f"error: {failure}", file=sys.stdout if is_person else sys.stderr, flush=True)
            code, is_spoiled = code or failure.exit_code, not is_person
            continue
        if is_end:
            row, is_spoiled = {}, False
    return code


def _prompted(lines: Iterable[str], *, is_person: bool) -> Iterator[str]:
    waiting = iter(lines)
    while True:
        if is_person:
            print("> ", end="", flush=True)
        try:
            yield next(waiting)
        except StopIteration:
            return


def _fields(scorer: Scorer, candidates: Candidates | None) -> list[Field]:
    """What a row may have: the columns of the model, and those of labels that may come back."""
    return [*scorer.metadata.fields, *(candidates.fields if candidates else [])]


def cell_of(line: str, of_row: Sequence[Field]) -> dict[str, str]:
    """The column and the value of a line. Raises Failure: 2 for no such column, 4 for a value that
    the column cannot hold."""
    # The longest name that fits: a column's name may hold a `=`.
    if not _is_text(line):
        said = line.encode("utf-8", errors="surrogateescape").decode(errors="replace")
        raise Failure(Exit.USAGE, "a line must be UTF-8 text", received=said[:80])
    columns = list(dict.fromkeys(field.column for field in of_row))
    fitting = [column for column in columns if line.startswith(f"{column}=")]
    if not fitting:
        name = line.partition("=")[0]
        rule = f"a line is column=value, with a column of {columns}"
        raise Failure(Exit.USAGE, rule + near(name, columns), received=line[:80])
    column = max(fitting, key=len)
    value = line[len(column) + 1 :]
    fields = [field for field in of_row if field.column == column and value]
    typed(pa.RecordBatch.from_pydict({column: [value]}), fields)
    return {column: value}


def _is_text(line: str) -> bool:
    """Whether no byte of it is half a letter."""
    return not any("\udc80" <= letter <= "\udcff" for letter in line)


def typed(raw: pa.RecordBatch, fields: Sequence[Field]) -> pa.RecordBatch:
    """The one row as the model reads it. Raises Failure 4 where it does not fit."""
    row, _, rejected = cast(raw, fields)
    if rejected:
        rule = f"the row does not fit: {rejected[0].why}"
        raise Failure(Exit.BAD_ROWS, rule, received=rejected[0].text[:80] or "nothing")
    return row


def answer(
    scorer: Scorer,
    row: Mapping[str, str],
    top_k: int | None = None,
    further: Sequence[Further] = (),
    candidates: Candidates | None = None,
) -> str:
    """The results of one row as text, with what is asked for beside them. Raises Failure 4 where it
    does not fit the model."""
    fields, seen = _fields(scorer, candidates), UnknownValues()
    raw = {field.column: pa.array([row.get(field.column)], pa.string()) for field in fields}
    row_of_model = typed(pa.RecordBatch.from_pydict(raw), fields)
    later = scorer.score_later(row_of_model, top_k, seen=seen, candidates=candidates)
    (results,) = with_columns(later(), row_of_model, further).to_pylist()
    lines: list[str] = []
    for head in scorer.heads():
        lines += KINDS[head.kind].answer(head, [results[name] for name in head.outputs])
        lines += scorer.answered(head, results)
        lines += [line for one in further for line in one.lines(head, results)]
    lines += [line for one in further for line in one.lines(None, results)]
    lines += [f"({seen.said()})"] * bool(+seen.of_inputs().unknown)
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving.ask",
        description="Answers rows typed as column=value lines; an empty line ends a row.",
        epilog="Example: python -m serving.ask --model OUT/model/model.onnx",
    )
    parser.add_argument("--model", required=True, help="model.onnx, its .sha256 beside it")
    parser.add_argument("--top-k", type=positive, help="labels per head (default: the model's)")
    add_answers(parser)
    add_limits(parser)
    add_further(parser)
    return parser


if __name__ == "__main__":
    main(run)
