"""Rows of CoDEx-M: one for each triple and direction.

    python -m examples.codex.rows --archive codex-m.tar.xz --output rows/

A triple (head, relation, tail) asks twice: (head, relation) -> tail, and (tail, relation inverse)
-> head. Training rows that ask the same question are one after the other in no special order; the
side of the split is a column. CoDEx is by Safavi and Koutra (EMNLP 2020), MIT licence.
"""

import argparse
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.failures import Exit, Failure, main

SIDES = {"train": "train", "valid": "eval", "test": "test"}
INVERSE = "inverse of "


@dataclass(frozen=True)
class Triple:
    """A fact: `head` stands in `relation` to `tail`. All three are Wikidata's identifiers."""

    head: str
    relation: str
    tail: str


@dataclass(frozen=True)
class Graph:
    """The triples of each side, and the types of each entity."""

    triples: dict[str, list[Triple]]
    types: dict[str, list[str]]


def read_graph(archive: Path) -> Graph:
    """Reads the archive without unpacking it to disk."""
    if not archive.is_file():
        raise Failure(Exit.USAGE, "--archive must be codex-m.tar.xz", received=archive)
    with tarfile.open(archive) as tar:

        def text(name: str) -> str:
            member = tar.extractfile(f"codex-m/{name}")
            if member is None:
                raise Failure(Exit.INTEGRITY, f"the archive lacks codex-m/{name}", received=archive)
            return member.read().decode()

        triples = {
            side: [Triple(*line.split("\t")) for line in text(f"{name}.txt").splitlines()]
            for name, side in SIDES.items()
        }
        return Graph(triples, json.loads(text("entity2types.json")))


def questions(triples: Sequence[Triple]) -> Iterator[Triple]:
    """Each triple as it is and the other way round.

    >>> [q.relation for q in questions([Triple("Q42", "P106", "Q36180")])]
    ['P106', 'inverse of P106']
    """
    for triple in triples:
        yield triple
        yield Triple(triple.tail, INVERSE + triple.relation, triple.head)


def table_of(graph: Graph) -> pa.Table:
    """Columns entity, relation, types (a list), answer, side."""
    asked = [(side, q) for side, triples in graph.triples.items() for q in questions(triples)]
    return pa.table(
        {
            "entity": [question.head for _, question in asked],
            "relation": [question.relation for _, question in asked],
            "types": [graph.types.get(question.head, []) for _, question in asked],
            "answer": [question.tail for _, question in asked],
            "side": [side for side, _ in asked],
        }
    )


def run(arguments: Sequence[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m examples.codex.rows", description=__doc__)
    parser.add_argument("--archive", type=Path, required=True, help="codex-m.tar.xz")
    parser.add_argument("--output", type=Path, required=True, help="folder for the rows")
    options = parser.parse_args(arguments)
    table = table_of(read_graph(options.archive))
    options.output.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, options.output / "codex.parquet", row_group_size=65_536)
    print(f"{table.num_rows:,} rows in {options.output}")


if __name__ == "__main__":
    main(run)
