"""Rules for how the parts of a spec fit together; each raises ValueError with the place.

The parts themselves are checked where they are defined, in pipeline.spec.
"""

from math import prod
from typing import TYPE_CHECKING, Any

from kinds.inputs.part import MOST_PAIRS
from pipeline.spec.limits import check_names, check_size

if TYPE_CHECKING:
    from kinds.inputs.keys import Key
    from kinds.memory.spec import Memory
    from pipeline.spec import Lookup, Product, Spec

# Keys of memories are int64.
MOST_KEYS = 2**63 - 1


def check_parts(spec: "Spec") -> None:
    """Raises ValueError for the first rule that the spec breaks."""
    checks = (
        _names,
        _columns,
        _vocabularies,
        _pairs,
        _tables,
        _selected,
        _starts,
        _shared_blocks,
        _trunk,
        _products,
        _heads,
        _label_features,
        _memory,
        _lists,
        _coverage,
    )
    for check in (*checks, check_names):
        check(spec)
    check_size(spec)


def _names(spec: "Spec") -> None:
    owners: dict[str, str] = {}
    for group in ("inputs", "products", "heads"):
        for name in getattr(spec, group):
            if name in owners:
                raise ValueError(f"{group}.{name}: the name is taken by {owners[name]}.{name}")
            owners[name] = group


def _columns(spec: "Spec") -> None:
    inputs = {column: name for name in spec.inputs for column in spec.input_columns(name)}
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
        _defined(f"{group}.{name}.vocabulary", vocabulary, spec.all_vocabularies(), "vocabulary")
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


def _pairs(spec: "Spec") -> None:
    """Their codes must be int64."""
    offered = spec.offered(most_entries(spec)) if spec.pairs() else {}
    for name, pairs in spec.pairs().items():
        place = f"inputs.{name}.of"
        for own in pairs.of:
            source = own.partition(".")[0]
            _defined(place, source, spec.inputs, "input")
            if source in spec.pairs():
                raise ValueError(f"{place}: {own!r} is made of other inputs itself; name those")
            if own not in offered:
                some = [other for other in offered if other.partition(".")[0] == source]
                offers = f"it has {some}" if some else "it has none"
                raise ValueError(f"{place}: {own!r} is no id of inputs.{source}; {offers}")
        codes = prod(offered[own].values + 1 for own in pairs.of)
        if codes > MOST_PAIRS:
            raise ValueError(
                f"{place}: there must be at most {MOST_PAIRS:,} pairs, those that never occur "
                f"counted too, not {codes:,}; give a vocabulary a smaller `size`"
            )


def most_entries(spec: "Spec") -> dict[str, int]:
    """How many values each vocabulary may have."""
    said = spec.all_vocabularies().items()
    return {name: len(one.values or ()) or one.size for name, one in said}


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


def _starts(spec: "Spec") -> None:
    """The width is said, so that nothing else chooses it."""
    read = spec.read()
    users: dict[str, list[str]] = {}
    for name, lookup in spec.lookups().items():
        if name in read:
            users.setdefault(lookup.table, []).append(name)
    for table in spec.tables:
        _defined(f"tables.{table}", table, users, "table of an input over a vocabulary")
        for name in users[table] if table in spec.vector_files() else ():
            if "embedding" not in spec.inputs[name].model_fields_set:
                raise ValueError(
                    f"inputs.{name}.embedding: must be given, the width of the vectors that "
                    f"tables.{table} starts with"
                )


def _selected(spec: "Spec") -> None:
    chosen = [name for name, head in spec.heads.items() if head.select]
    if len(chosen) > 1:
        raise ValueError(
            f"heads.{chosen[1]}.select: epochs are judged by one metric, and heads.{chosen[0]} has "
            "`select`"
        )


def _shared_blocks(spec: "Spec") -> None:
    widths: dict[str, tuple[str, int]] = {}
    blocks = {name: part.block(name) for name, part in spec.inputs.items()}
    for name, block, own in ((name, *said) for name, said in blocks.items() if said):
        _defined(f"inputs.{name}.through", block, spec.shared, "shared block")
        owner, width = widths.setdefault(block, (name, own))
        if width != own:
            what = "embedding" if spec.inputs[name].lookup(name) else "width"
            raise ValueError(
                f"inputs.{name}: goes through {block!r} with inputs.{owner}, "
                f"so its {what} must be {width}, not {own}"
            )
    if unused := sorted(set(spec.shared) - set(widths)):
        raise ValueError(f"shared.{unused[0]}: no input goes through it")


def _trunk(spec: "Spec") -> None:
    trunk = spec.trunk
    if trunk.members == 1:
        return
    are_open = spec.training.auto and "layers" not in trunk.model_fields_set and trunk.inputs != ()
    if not trunk.layers and not are_open:
        raise ValueError("trunk.members: needs `layers`, of which each member has its own")
    if spec.followed():
        raise ValueError(
            "trunk.members: beside a head with `next_of` there is one member, as it is trained at "
            "each place of the list"
        )


def _products(spec: "Spec") -> None:
    """The widths of factors are said, so that nothing else chooses one of them."""
    for name, product in spec.products.items():
        place = f"products.{name}"
        for factor in product.of:
            _defined(f"{place}.of", factor, spec.inputs, "input")
            own = spec.inputs[factor]
            if own.lookup(factor) and "embedding" not in own.model_fields_set:
                raise ValueError(f"inputs.{factor}.embedding: must be given, for {place}")
        _check_widths(spec, place, product)
        if name not in spec.products_read():
            raise ValueError(f"{place}: no head reads it, by itself or by the trunk")


def _check_widths(spec: "Spec", place: str, product: "Product") -> None:
    """Of factors that are one vector of a table each; of others the network knows the width."""
    able = spec.with_one_value()
    lookups = {n: lookup for n, lookup in spec.lookups().items() if n in product.of and n in able}
    widths = {name: _width(spec, lookup) for name, lookup in lookups.items()}
    if len(set(widths.values())) > 1:
        raise ValueError(f"{place}: the vectors must have one width, not {widths}")
    if product.form == "complex" and any(width % 2 for width in widths.values()):
        raise ValueError(
            f"{place}: the vectors must have an even width, half of it for imaginary parts, "
            f"not {widths}"
        )


def _width(spec: "Spec", lookup: "Lookup") -> int:
    """Of a looked-up vector, behind the block that it goes through."""
    if (block := spec.shared.get(lookup.through or "")) is None:
        return lookup.width
    return block.dense_layers()[-1].units


def _heads(spec: "Spec") -> None:
    read = spec.read()
    tables = {part.table: part for name, part in spec.lookups().items() if name in read}
    readable = spec.inputs | spec.products
    for name in spec.trunk.inputs or ():
        _defined("trunk.inputs", name, readable, "input")
    for name, part in spec.inputs.items():
        if name not in read and part.block(name):
            raise ValueError(f"inputs.{name}.through: the network does not read this input")
    for name, head in spec.heads.items():
        for source in head.inputs:
            _defined(f"heads.{name}.inputs", source, readable, "input")
        head.check(f"heads.{name}", spec.training)
    for name, labels in spec.labels().items():
        _check_named(spec, name, spec.vocabularies[labels.vocabulary].values)
        if labels.tied is None:
            continue
        _defined(f"heads.{name}.tied", labels.tied, tables, "table")
        if tables[labels.tied].vocabulary != labels.vocabulary:
            raise ValueError(
                f"heads.{name}.tied: the table {labels.tied!r} is over the vocabulary "
                f"{tables[labels.tied].vocabulary!r}, the head over {labels.vocabulary!r}"
            )


def _check_named(spec: "Spec", head: str, values: tuple[str, ...] | None) -> None:
    """Of a vocabulary that is listed, a label that no reading of its cells finds there. Of times
    that is known only when cells are read."""
    listed = None if values is None else {_as_value(value) for value in values}
    for label in spec.heads[head].named_labels():
        if listed is not None and ":" not in label and _as_value(label) not in listed:
            vocabulary = spec.vocabulary_of()[head]
            raise ValueError(
                f"heads.{head}: {label!r} is none of vocabularies.{vocabulary}.values, so it can "
                "have no weight"
            )


def _as_value(text: str) -> str:
    """True is true and 8.0 is 8 for some readings; no text becomes another one that is listed."""
    return text.lower().removesuffix(".0")


def _label_features(spec: "Spec") -> None:
    featured = spec.featured()
    for name, vocabulary in featured.items():
        place = f"heads.{name}.label_vectors"
        if vocabulary not in spec.label_features:
            raise ValueError(f"{place}: needs label_features.{vocabulary}")
        if spec.labels()[name].tied:
            raise ValueError(f"{place}: needs weights of the head's own, so leave out `tied`")
    for name in spec.label_features:
        place = f"label_features.{name}"
        _defined(place, name, spec.vocabularies, "vocabulary")
        if spec.vocabularies[name].values is not None:
            raise ValueError(f"{place}: the file has the labels, so leave out `values`")
        if name not in {labels.vocabulary for labels in spec.labels().values()}:
            raise ValueError(f"{place}: no head predicts labels of this vocabulary")


def _memory(spec: "Spec") -> None:
    used = [*spec.remembered(), *spec.averaged()]
    for name, head in used:
        if spec.memory == "auto":
            raise ValueError(f"heads.{head}.memory: `memory: auto` chooses it, so leave it out")
        _defined(f"heads.{head}.memory", name, spec.memories, "memory")
        if used.count((name, head)) > 1:
            raise ValueError(f"heads.{head}.memory: {name!r} is named twice")
    if unused := sorted(set(spec.memories) - {name for name, _ in used}):
        raise ValueError(f"memory.{unused[0]}: no head uses it")
    offered = spec.offered(most_entries(spec)) if spec.memories else {}
    for name, memory in spec.memories.items():
        _check_keys(f"memory.{name}", memory, offered)


def _lists(spec: "Spec") -> None:
    """Heads that predict the next element of a list: at each place of it, nothing that the network
    reads may hold what comes after."""
    followed, used = spec.followed(), spec.vocabulary_of()
    if getattr(spec.split, "of_elements", False):
        _check_held_out_elements(spec)
    for head, source in followed.items():
        place = f"heads.{head}.next_of"
        _defined(place, source, spec.inputs, "input")
        if spec.inputs[source].places() is None:
            raise ValueError(f"{place}: inputs.{source} must be a sequence without weights")
        if used[head] != used[source]:
            raise ValueError(
                f"{place}: the head must have the vocabulary of inputs.{source}, {used[source]!r}, "
                f"not {used[head]!r}"
            )
    if not followed:
        return
    if len({spec.input_columns(source)[0] for source in followed.values()}) > 1:
        raise ValueError("heads: all with `next_of` must predict from a list of the same column")
    along = spec.along()
    for head in followed:
        if not set(along) & set(spec.heads[head].inputs or spec.read_by_trunk()):
            raise ValueError(f"heads.{head}.next_of: the head must read an input of that list")
    for name, part in spec.inputs.items():
        if part.READS_LIST and (name not in along or part.places() is None):
            raise ValueError(
                f"inputs.{name}: beside a head with `next_of`, a sequence must read the same list "
                "and have no weights: of another list nobody knows what came before each element"
            )
    for name, pairs in spec.pairs().items():
        if beside := [own for own in pairs.of if own.partition(".")[0] in along]:
            raise ValueError(
                f"inputs.{name}.of: {beside[0]!r} is an element of the list of a head with "
                "`next_of`, and crosses do not follow a list from place to place"
            )
    for name, product in spec.products.items():
        if beside := [factor for factor in product.of if factor in along]:
            raise ValueError(
                f"products.{name}.of: inputs.{beside[0]} reads the list of a head with `next_of`, "
                "and products do not follow a list from place to place"
            )
    numbers = [name for name, head in spec.heads.items() if head.link()]
    averaged = [head for _, head in spec.averaged()] + numbers * (spec.memory == "auto")
    if averaged:
        raise ValueError(
            f"heads.{averaged[0]}: beside a head with `next_of`, no averages of a memory may be "
            "read: they would not be the same at each place of the list"
        )


def _coverage(spec: "Spec") -> None:
    """What answers are calibrated by must be told by the file, before it answers."""
    if (name := spec.training.coverage_by) is None:
        return
    _defined("training.coverage_by", name, spec.inputs, "input")
    able = spec.with_one_value()
    if name not in able:
        raise ValueError(
            "training.coverage_by: must be an input over a vocabulary with one value a row, which "
            f"the network reads. Received: {name!r}; there are {sorted(able)}"
        )


def _check_held_out_elements(spec: "Spec") -> None:
    if not spec.followed():
        raise ValueError("split: `by: last` needs `columns` and `order`, or a head with `next_of`")
    for name in spec.heads:
        if name not in spec.followed():
            raise ValueError(
                "split: without `columns`, `by: last` puts each row on every side, and with it the "
                f"target of heads.{name}; take another split, such as `by: row`"
            )


def _check_keys(place: str, memory: "Memory", offered: "dict[str, Key]") -> None:
    for one in memory.of:
        if one not in offered:
            raise ValueError(
                f"{place}.of: a memory counts by values of inputs that have ids. "
                f"Received: {one!r}; there are {sorted(offered)}"
            )
    keys = [offered[one] for one in memory.of]
    if not offered:
        raise ValueError(f"{place}: a memory counts by inputs that have ids, and there is none")
    if memory.reach > 1 and (len(keys) != 1 or keys[0].place != 1):
        raise ValueError(f"{place}.reach: goes with the last value of a sequence alone in `of`")
    if (most := prod(key.ids for key in keys)) > MOST_KEYS:
        raise ValueError(
            f"{place}.of: the values of the inputs must have at most {MOST_KEYS:,} combinations. "
            f"Received: up to {most:,}"
        )
