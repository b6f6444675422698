"""How far the rows that are scored are from the training rows, by what the model knows of those.

    training[input] = {"column": of the typed rows, "length": of a list, "words": of a text, ...}

and the rest is the distribution in statistics.json (pipeline.distributions): some 4 KB an input at
most, whatever the rows were. Inputs only: rows to score need no targets.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from kinds.analysis import Analysis
from kinds.words import Words
from pipeline.distributions import Distribution
from pipeline.distributions.distances import Distance, Drift, known_distance
from pipeline.distributions.drift_counter import DriftCounter
from pipeline.failures import Exit, Failure
from pipeline.manifest import write_text
from serving.model_file.metadata import Metadata
from serving.model_file.unknown import UnknownValues, Usual


def training_of(
    analysis: Analysis, distribution: Distribution, unknown: Usual | None
) -> dict[str, Any]:
    """What a model's metadata says of an input."""
    said = {"column": analysis.field.output, "length": analysis.length, **distribution}
    said |= {} if analysis.words is None else {"words": asdict(analysis.words)}
    return said | ({} if unknown is None else {"unknown": asdict(unknown)})


def counting(metadata: Metadata) -> Callable[[], DriftCounter]:
    """Makes empty counts of the model's inputs. Raises Failure: 2 for a model that does not know
    its training rows, 5 where what it says of them cannot be."""
    if not metadata.training:
        rule = "drift needs a model that describes its training rows: export its run again"
        raise Failure(Exit.USAGE, rule, received=f"the model {metadata.name!r}")
    analyses = analyses_of(metadata)
    return lambda: DriftCounter(analyses, metadata.training)


def analyses_of(metadata: Metadata) -> dict[str, Analysis]:
    """What the model's metadata says of how its inputs were learned. Raises Failure 5 where what it
    says cannot be."""
    fields = {field.output: field for field in metadata.fields}
    try:
        analyses = {
            name: Analysis(fields[said["column"]], said["length"], _words(said))
            for name, said in metadata.training.items()
            if "column" in said
        }
        DriftCounter(analyses, metadata.training)
    except (ValueError, KeyError, TypeError) as error:
        rule = "what the model says of its training rows must be what serving.export wrote"
        raise Failure(Exit.INTEGRITY, rule, received=error) from None
    return analyses


def later_inputs(metadata: Metadata) -> list[str]:
    """The inputs that say when a row was, where rows are held out by that."""
    analyses = analyses_of(metadata) if metadata.split else {}
    split = metadata.split
    return [n for n, of in analyses.items() if split and split.says_when([of.field.column])]


def _words(said: dict[str, Any]) -> Words | None:
    return Words(**said["words"]) if "words" in said else None


def of_memories(seen: UnknownValues, metadata: Metadata) -> Iterator[Distance]:
    """By how much less or more of the rows have a value that a memory knows."""
    for name, memory in metadata.memories().items():
        if (share := seen.known(name)) is not None:
            yield known_distance(name, share, memory.known)


def tell(found: Drift, to: Path, said: TextIO, *, fail: bool) -> None:
    """Writes the distances to a file and a table of them. Raises Failure 4 if one is to fail."""
    write_text(to, json.dumps(found.content(), indent=2) + "\n")
    print("\n".join(found.lines()), file=said)
    if fail:
        found.fail()
