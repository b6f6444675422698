"""Asks a model about rows typed by hand: `python -m serving.ask --model MODEL`.

    tokens=self . assert
    package=test
                             an empty line, or the end of the input, answers
    identifier
       56.2 %  assertEqual
       12.0 %  assertTrue

A line is `column=value`; a column that is not given is missing. Needs what the scorer needs.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa

from kinds.columns import cast
from kinds.heads.show import KINDS
from pipeline.failures import Exit, Failure, main
from serving.model_file.unknown import UnknownValues
from serving.score import positive
from serving.scorer import Scorer


def run(arguments: Sequence[str]) -> None:
    """The command."""
    options = _parser().parse_args(arguments)
    scorer = Scorer(options.model, workers=1)
    is_person = sys.stdin.isatty()
    if is_person:
        print(f"columns: {', '.join(scorer.columns)}; an empty line answers, Ctrl-D ends")
    for lines in questions(sys.stdin):
        try:
            print(answer(scorer, row_of(lines, scorer.columns), options.top_k), flush=True)
        except Failure as failure:
            if not is_person:
                raise
            print(f"error: {failure}", flush=True)


def questions(lines: Iterable[str]) -> Iterator[list[str]]:
    """Lines up to each empty one.

    >>> list(questions(["a=1\\n", "b=2\\n", "\\n", "\\n", "a=3\\n"]))
    [['a=1', 'b=2'], ['a=3']]
    """
    question: list[str] = []
    for line in lines:
        if text := line.rstrip("\r\n"):
            question.append(text)
        elif question:
            yield question
            question = []
    if question:
        yield question


def row_of(lines: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    """
    >>> row_of(["a=1", "b=x = y"], ["a", "b", "c"])
    {'a': '1', 'b': 'x = y'}
    """
    row = {}
    for line in lines:
        # The longest name that fits: a column's name may hold a `=`.
        fitting = [column for column in columns if line.startswith(f"{column}=")]
        if not fitting:
            rule = f"a line is column=value, with a column of {list(columns)}"
            raise Failure(Exit.USAGE, rule, received=line[:80])
        column = max(fitting, key=len)
        row[column] = line[len(column) + 1 :]
    return row


def answer(scorer: Scorer, row: Mapping[str, str], top_k: int | None = None) -> str:
    """The results of one row as text. Raises Failure 4 where it does not fit the model."""
    raw = {column: pa.array([row.get(column)], pa.string()) for column in scorer.columns}
    typed, _, rejected = cast(pa.RecordBatch.from_pydict(raw), scorer.metadata.fields)
    if rejected:
        rule = f"the row does not fit: {rejected[0].reason} in column {rejected[0].column!r}"
        raise Failure(Exit.BAD_ROWS, rule, received=rejected[0].text[:80] or "nothing")
    seen = UnknownValues()
    (results,) = scorer.score_later(typed, top_k, seen=seen)().to_pylist()
    lines = [
        line
        for head in scorer.heads()
        for line in KINDS[head.kind].answer(head, [results[name] for name in head.outputs])
    ]
    lines += [f"({seen.said()})"] * bool(+seen.unknown)
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving.ask",
        description="Answers rows typed as column=value lines; an empty line ends a row.",
        epilog="Example: python -m serving.ask --model OUT/model/model.onnx",
    )
    parser.add_argument("--model", required=True, help="model.onnx, its .sha256 beside it")
    parser.add_argument("--top-k", type=positive, help="labels per head (default: the model's)")
    return parser


if __name__ == "__main__":
    main(run)
