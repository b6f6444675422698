"""Files of labels: which labels there are, and which values each has in its columns."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.analysis import Analysis, is_missing
from kinds.columns import Field, cast
from kinds.columns.readings import as_read
from kinds.heads.labels.features import FeatureRows
from kinds.lists import first, list_lengths, one_each
from kinds.words import PUNCTUATION, WHITE, Words
from pipeline import rows
from pipeline import spec as specs
from pipeline.distributions.value_counts import ValueCounts, chosen, with_values
from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder

# No column of a file is called so: a name in a spec has no dot.
LABEL = ".label"


def labels(spec: specs.Spec) -> dict[str, list[str]]:
    """The labels of each file, in its order.

    Raises Failure: 2 where a file or a column is not there, or a label is twice, 4 where rows are
    bad or there are none, 5 for a damaged file.
    """
    found = {}
    for vocabulary, part in spec.label_features.items():
        column = _read(vocabulary, part, spec.missing_words)[LABEL].combine_chunks()
        counts = column.value_counts()
        if len(counts) < len(column):
            most = int(np.argmax(counts.field("counts").to_numpy()))
            twice = counts.field("values")[most].as_py()
            raise Failure(Exit.USAGE, f"{part.file} must have each label once", received=twice)
        found[vocabulary] = column.to_pylist()
    return found


def write(spec: specs.Spec, folder: DataFolder) -> dict[str, dict[str, Any]] | None:
    """Writes which values the labels of each vocabulary have, and gives how many that are."""
    said = {}
    for vocabulary, part in spec.label_features.items():
        heads = [name for name, own in spec.labels().items() if own.vocabulary == vocabulary]
        counts = [np.fromiter(folder.label_counts(n).values(), np.int64) for n in heads]
        values = pa.array(list(folder.vocabulary(vocabulary)), pa.string())
        table = _read(vocabulary, part, spec.missing_words)
        # The folder's spec says how the vocabulary's cells are read.
        own = as_read(table[LABEL].combine_chunks(), folder.spec.readings()[vocabulary] or "words")
        at = pc.index_in(values, own)
        made = features(part, table.take(at), np.sum(counts, axis=0) > 0)
        folder.write_label_features(vocabulary, made)
        said[vocabulary] = _said(part, made, len(at) - at.null_count)
    return said or None


def features(part: specs.LabelFeatures, table: pa.Table, learned: Any) -> FeatureRows:
    """Of a table with a row for each label, null in all columns where the file does not have it."""
    owners: list[Any] = []
    values: list[Any] = []
    weights: list[Any] = []
    names: list[tuple[str, str]] = []
    for name, column in part.columns.items():
        lists = _lists(name, column, table)
        own = np.repeat(np.arange(len(lists)), list_lengths(lists))
        pairs = pa.table({"owner": own, "value": lists.flatten()})
        pairs = pairs.filter(pc.invert(is_missing(pairs["value"])))
        pairs = pairs.group_by(["owner", "value"], use_threads=False).aggregate([])
        own, texts = pairs["owner"].to_numpy(), pairs["value"].combine_chunks()
        counted = with_values(ValueCounts(), texts.filter(pa.array(learned[own])))
        known = chosen(counted, column.size, column.min_count).values
        ids = pc.index_in(texts, known)
        own = own[ids.is_valid().to_numpy(zero_copy_only=False)]
        owners.append(own)
        values.append(ids.drop_null().to_numpy() + len(names))
        weights.append(1 / np.bincount(own, minlength=len(lists))[own])
        names += [(name, value) for value in known.to_pylist()]
    whose = np.concatenate(owners)
    order = np.argsort(whose, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(whose, minlength=table.num_rows))])
    return FeatureRows(
        starts.astype(np.int64),
        np.concatenate(values)[order].astype(np.int32),
        np.concatenate(weights)[order].astype(np.float32),
        learned,
        names,
    )


def _lists(name: str, column: specs.LabelColumn, table: pa.Table) -> pa.Array:
    """The values of each label, none where its cell is missing."""
    typed = table[name].combine_chunks()
    lists = Analysis(_field(name, column), words=_words(column)).lists(typed)
    if lists is None:
        return one_each(pc.fill_null(typed, ""))
    return first(lists, column.length)


def _words(column: specs.LabelColumn) -> Words | None:
    return Words(column.length) if column.read == "words" else None


def _field(name: str, column: specs.LabelColumn) -> Field:
    own = column.column or name
    if column.read == "words":
        return Field(own, "passage", name=name, spaces=WHITE + PUNCTUATION, lower=True)
    if column.read == "list":
        return Field(own, "list", column.separator or " ", name=name)
    return Field(own, "text", name=name)


def _read(vocabulary: str, part: specs.LabelFeatures, missing: tuple[str, ...]) -> pa.Table:
    fields = [Field(part.column or vocabulary, "text", name=LABEL, required=True)]
    fields += [_field(name, column) for name, column in part.columns.items()]
    fields = [replace(field, missing_words=missing) for field in fields]
    found = list(_typed(part.file, fields))
    if not sum(batch.num_rows for batch in found):
        raise Failure(Exit.BAD_ROWS, "a file of labels must have a row", received=part.file)
    return pa.Table.from_batches(found)


def _typed(path: str, fields: Sequence[Field]) -> Iterable[pa.RecordBatch]:
    rule = f"{path} must have good rows only, with a label each"
    for batch in rows.read(path, [field.column for field in fields]):
        typed, _, rejected = cast(batch.rows, fields)
        numbered = [replace(one, row=int(batch.numbers()[one.row])) for one in rejected]
        for bad in [*batch.broken, *numbered]:
            raise Failure(Exit.BAD_ROWS, rule, received=f"row {bad.row}: {bad.why}")
        yield typed


def _said(part: specs.LabelFeatures, made: FeatureRows, found: int) -> dict[str, Any]:
    columns = [column for column, _ in made.names]
    return {
        "labels": len(made.learned),
        "found": found,
        "new": int((~made.learned).sum()),
        "values": {name: columns.count(name) for name in part.columns},
    }
