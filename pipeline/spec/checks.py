"""Rules for how the parts of a spec fit together; each raises ValueError with the place.

The parts themselves are checked where they are defined, in pipeline.spec.
"""

from typing import TYPE_CHECKING, Any

from pipeline.spec.limits import check_names, check_size

if TYPE_CHECKING:
    from pipeline.spec import Lookup, Spec


def check_parts(spec: "Spec") -> None:
    """Raises ValueError for the first rule that the spec breaks."""
    for check in (_names, _columns, _vocabularies, _tables, _shared_blocks, _heads, check_names):
        check(spec)
    check_size(spec)


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
    used = spec.vocabulary_of()
    for name, vocabulary in used.items():
        group = "inputs" if name in spec.inputs else "heads"
        _defined(f"{group}.{name}.vocabulary", vocabulary, spec.vocabularies, "vocabulary")
    if unused := sorted(set(spec.vocabularies) - set(used.values())):
        raise ValueError(f"vocabularies.{unused[0]}: no input and no head uses it")
    for name, settings in spec.vocabularies.items():
        users = [user for user, own in used.items() if own == name]
        if strangers := [user for user in settings.counted if user not in users]:
            raise ValueError(
                f"vocabularies.{name}.counted: {strangers[0]!r} does not use it. Its users: {users}"
            )
        texts = [u for u in users if u in spec.inputs and spec.inputs[u].READS_WORDS]
        if texts and settings.reading == "values":
            raise ValueError(
                f"vocabularies.{name}.reading: inputs.{texts[0]} takes it from the words of texts, "
                "which stay as they are written, so it must be `words`"
            )


def _tables(spec: "Spec") -> None:
    first: dict[str, tuple[str, Lookup]] = {}
    for name, part in spec.lookups().items():
        owner, other = first.setdefault(part.table, (name, part))
        if (other.vocabulary, other.width) != (part.vocabulary, part.width):
            raise ValueError(
                f"inputs.{name}: shares the table {part.table!r} with inputs.{owner}, so its "
                f"vocabulary and embedding must be {other.vocabulary!r} and {other.width}; "
                "name another `table` to have one of its own"
            )


def _shared_blocks(spec: "Spec") -> None:
    widths: dict[str, tuple[str, int]] = {}
    for name, part in spec.lookups().items():
        if part.through is None:
            continue
        _defined(f"inputs.{name}.through", part.through, spec.shared, "shared block")
        owner, width = widths.setdefault(part.through, (name, part.width))
        if width != part.width:
            raise ValueError(
                f"inputs.{name}: goes through {part.through!r} with inputs.{owner}, "
                f"so its embedding must be {width}, not {part.width}"
            )
    if unused := sorted(set(spec.shared) - set(widths)):
        raise ValueError(f"shared.{unused[0]}: no input goes through it")


def _heads(spec: "Spec") -> None:
    tables = {part.table: part for part in spec.lookups().values()}
    for name, head in spec.heads.items():
        for source in head.inputs:
            _defined(f"heads.{name}.inputs", source, spec.inputs, "input")
        head.check(f"heads.{name}", spec.training)
    for name, labels in spec.labels().items():
        if labels.tied is None:
            continue
        _defined(f"heads.{name}.tied", labels.tied, tables, "table")
        if tables[labels.tied].vocabulary != labels.vocabulary:
            raise ValueError(
                f"heads.{name}.tied: the table {labels.tied!r} is over the vocabulary "
                f"{tables[labels.tied].vocabulary!r}, the head over {labels.vocabulary!r}"
            )
