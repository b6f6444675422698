"""Whether the parts of a spec fit together; each rule raises ValueError with the place.

The parts themselves are checked where they are defined, in pipeline.spec.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.spec import Category, Sequence, Spec


def check_parts(spec: "Spec") -> None:
    """Raises ValueError for the first rule that the spec breaks."""
    for check in (_names, _columns, _vocabularies, _tables, _shared_blocks, _heads, _sampled):
        check(spec)


def _names(spec: "Spec") -> None:
    owners: dict[str, str] = {}
    for group in ("inputs", "heads"):
        for name in getattr(spec, group):
            if name in owners:
                raise ValueError(f"{group}.{name}: the name is taken by {owners[name]}.{name}")
            owners[name] = group


def _columns(spec: "Spec") -> None:
    inputs = {spec.input_column(name): name for name in spec.inputs}
    for name in spec.heads:
        column = spec.head_column(name)
        if column in inputs:
            raise ValueError(
                f"heads.{name}: column {column!r} is also read by inputs.{inputs[column]}; "
                "a label that is an input gives the answer away"
            )
    if spec.weight is not None and spec.weight in inputs:
        raise ValueError(f"weight: column {spec.weight!r} is also an input")
    if len(set(spec.keys)) != len(spec.keys):
        raise ValueError("keys: a column is named twice")


def _defined(place: str, name: str, parts: dict[str, Any], kind: str) -> None:
    if name not in parts:
        raise ValueError(f"{place}: no {kind} is called {name!r}. Defined: {sorted(parts)}")


def _vocabularies(spec: "Spec") -> None:
    used = set()
    for group, parts in (("inputs", spec.embedded_inputs()), ("heads", spec.label_heads())):
        for name, part in parts.items():
            _defined(f"{group}.{name}.vocabulary", part.vocabulary, spec.vocabularies, "vocabulary")
            used.add(part.vocabulary)
    if unused := sorted(set(spec.vocabularies) - used):
        raise ValueError(f"vocabularies.{unused[0]}: no input and no head uses it")


def _tables(spec: "Spec") -> None:
    first: dict[str, tuple[str, Category | Sequence]] = {}
    for name, part in spec.embedded_inputs().items():
        owner, other = first.setdefault(part.table_name, (name, part))
        if (other.vocabulary, other.embedding) != (part.vocabulary, part.embedding):
            raise ValueError(
                f"inputs.{name}: shares the table {part.table_name!r} with inputs.{owner}, so its "
                f"vocabulary and embedding must be {other.vocabulary!r} and {other.embedding}; "
                "name another `table` to have one of its own"
            )


def _shared_blocks(spec: "Spec") -> None:
    widths: dict[str, tuple[str, int]] = {}
    for name, part in spec.embedded_inputs().items():
        if part.through is None:
            continue
        _defined(f"inputs.{name}.through", part.through, spec.shared, "shared block")
        owner, width = widths.setdefault(part.through, (name, part.embedding))
        if width != part.embedding:
            raise ValueError(
                f"inputs.{name}: goes through {part.through!r} with inputs.{owner}, "
                f"so its embedding must be {width}, not {part.embedding}"
            )
    if unused := sorted(set(spec.shared) - set(widths)):
        raise ValueError(f"shared.{unused[0]}: no input goes through it")


def _heads(spec: "Spec") -> None:
    tables = {part.table_name: part for part in spec.embedded_inputs().values()}
    for name, head in spec.heads.items():
        for source in head.inputs:
            _defined(f"heads.{name}.inputs", source, spec.inputs, "input")
    for name, head in spec.label_heads().items():
        if head.tied is None:
            continue
        _defined(f"heads.{name}.tied", head.tied, tables, "table")
        if tables[head.tied].vocabulary != head.vocabulary:
            raise ValueError(
                f"heads.{name}.tied: the table {head.tied!r} is over the vocabulary "
                f"{tables[head.tied].vocabulary!r}, the head over {head.vocabulary!r}"
            )


def _sampled(spec: "Spec") -> None:
    for name, head in spec.label_heads().items():
        if spec.training.sampled and getattr(head, "label_smoothing", 0) > 0:
            raise ValueError(
                f"heads.{name}: label_smoothing spreads over all classes and does not go with "
                "training.sampled"
            )
