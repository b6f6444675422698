"""What a spec says by itself about the exported file: names that clash in it, and how large it is.

Whatever export would refuse when all training is done is refused here, when the spec is read.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from kinds.tensors import INNER, MOST_BYTES, TOP_K, exclude, only

if TYPE_CHECKING:
    from pipeline.spec import Lookup, Spec

NUMBER_BYTES = 4


def is_inner(column: str) -> bool:
    """Whether no input of an exported file can be called so, whatever the spec."""
    return column == TOP_K or column.startswith(INNER)


def check_names(spec: "Spec") -> None:
    """Raises ValueError where two tensors of the file, or two columns of its scores, would have one
    name."""
    results = {column: name for name, head in spec.heads.items() for column in head.results(name)}
    columns = [(name, column) for name in spec.inputs for column in spec.input_columns(name)]
    candidates = {of(name): name for name in spec.labels() for of in (exclude, only)}
    for name, column in columns:
        if is_inner(column):
            raise ValueError(
                f"inputs.{name}: no input of an exported file is called {TOP_K!r} or begins with "
                f"{INNER!r}; the column {column!r} needs another name in the rows"
            )
        if column in candidates:
            raise ValueError(
                f"inputs.{name}: the column {column!r} is called as the file's input is that says "
                f"which labels heads.{candidates[column]} may give; give the head another name, "
                "and its `column`"
            )
        if column in results:
            raise ValueError(
                f"inputs.{name}: the column {column!r} is called as a result of "
                f"heads.{results[column]} is; give the head another name, and its `column`"
            )
    for column in spec.keys:
        if column in results:
            raise ValueError(
                f"keys: the column {column!r} is called as a result of heads.{results[column]} "
                "is; give the head another name, and its `column`"
            )


def check_size(spec: "Spec", entries: Mapping[str, int] | None = None) -> None:
    """Raises ValueError where the exported file would be larger than the format allows.

    `entries` has the number of values of each vocabulary once they are known; until then only those
    that the spec lists are counted.
    """
    if entries is None:
        listed = {name: one.values for name, one in spec.vocabularies.items()}
        entries = {name: len(values) for name, values in listed.items() if values is not None}
    sizes = list(_sizes(spec, entries))
    total = NUMBER_BYTES * sum(size for _, size in sizes)
    if total > MOST_BYTES:
        place, size = max(sizes, key=lambda one: one[1])
        raise ValueError(
            f"{place}: the exported file would have {total:,} bytes or more, and an ONNX file has "
            f"at most {MOST_BYTES:,}; {NUMBER_BYTES * size:,} of them are here"
        )


def _sizes(spec: "Spec", entries: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Places of the spec and how many numbers the file holds for each, at least."""
    tables: dict[str, tuple[str, Lookup]] = {}
    read = spec.read()
    for name, lookup in spec.lookups(with_own_ids=True).items():
        if name not in read:
            continue
        tables.setdefault(lookup.table, (name, lookup))
    for name, lookup in tables.values():
        rows = lookup.rows or entries.get(lookup.vocabulary or "", 0)
        yield f"inputs.{name}", rows * _width(spec, lookup)
    for name, block in spec.shared.items():
        if not block.is_linear:
            yield f"shared.{name}", _between([layer.units for layer in block.dense_layers()])
    trunk = [layer.units for layer in spec.trunk.layers]
    yield "trunk.layers", spec.trunk.members * _between(trunk)
    for name, labels in spec.labels().items():
        if labels.tied is None and not spec.heads[name].inputs and trunk:
            yield f"heads.{name}", entries.get(labels.vocabulary, 0) * trunk[-1]


def _width(spec: "Spec", lookup: "Lookup") -> int:
    """Of a table's rows in the file: export multiplies a linear block into the table."""
    block = spec.shared.get(lookup.through or "")
    if block is None or not block.is_linear:
        return lookup.width
    return min(lookup.width, block.dense_layers()[-1].units)


def _between(units: list[int]) -> int:
    """The numbers of the matrices from each layer to the next."""
    return sum(one * other for one, other in pairwise(units))
