"""A run folder to a model folder: the graph is built, compared with Keras and written.

The command, which has taken the lock by then, is serving.export.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import onnx
import pyarrow as pa

from kinds.heads.score import FileHead
from kinds.inputs.onnx import RawInput
from kinds.inputs.pairs.codes import codes_in, texts_of_ids
from kinds.tensors import place_in_memory
from pipeline.console.progress import lasting
from pipeline.distributions import only_of
from pipeline.fields import analyses_of, fields_of
from pipeline.folders.model import ModelFolder
from pipeline.folders.prepared import Statistics
from pipeline.manifest import write_text
from pipeline.spec import Spec
from serving.evaluation.drift import training_of
from serving.exporting.card import card
from serving.exporting.certificate import Certificate, certify
from serving.exporting.core import convert_core
from serving.exporting.exported import Exported
from serving.exporting.folding import fold_linear_blocks
from serving.exporting.graph import assemble, check, hidden_tensors
from serving.exporting.hard_cases import EveryValue, batch_rows, hard_cases, rows_of_keys
from serving.exporting.profiles import PROFILES, Profile
from serving.exporting.reference import Reference, row_bytes
from serving.exporting.trained_run import TrainedRun, padding
from serving.exporting.triton import config
from serving.model_file.metadata import KEY, Metadata
from serving.model_file.unknown import MEMORY, Remembered, Usual


def write_model(
    folder: Path, work: Path, profile: Profile, versions: Mapping[str, str]
) -> tuple[str, Certificate]:
    """Fills the folder `work`; returns where in it the file lies."""
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    source, made = TrainedRun(folder), ModelFolder(work)
    manifest = source.manifest
    with lasting("export, build the file"):
        model, folded = build(source, profile)
        content = check(model, profile.most_bytes)
    compared = compare(source, content)
    certificate = {**compared.content(), "folded_tables": folded, "versions": versions}
    certificate |= {"profile": profile.name}
    facts = {
        "spec": source.spec.model_dump(mode="json"),
        "hashes": {"run": manifest.made_from, **{p: s for p, (_, s) in manifest.files.items()}},
        "versions": versions,
        "metrics": source.metrics,
        "certificate": certificate,
    }
    known = training(source.spec, source.statistics, source.values)
    metadata = replace(described(source), training=known, support=support(source), facts=facts)
    with lasting("export, check the file"):
        content = check(with_metadata(model, metadata), profile.most_bytes)
    path = profile.model_path(source.spec.name)
    sha256 = made.write_model(path, content)
    if profile.is_repository:
        text = config(source.spec.name, model.graph)
        write_text(work / source.spec.name / "config.pbtxt", text)
    made.write_certificate({"model": path, "sha256": sha256, **certificate})
    statistics = source.statistics
    said = statistics.memory, statistics.vectors, statistics.label_features
    made.write_card(card(metadata, source.spec, source.examples, sha256, *said))
    return path, compared


def build(
    source: TrainedRun, profile: Profile = PROFILES["default"]
) -> tuple[onnx.ModelProto, list[str]]:
    """The whole graph, not yet checked, and the names of the tables that were folded."""
    core, file, values = convert_core(source.model, profile.opset), described(source), source.values
    hidden = hidden_tensors(core, source.counts)
    folded = fold_linear_blocks(core, hidden.values())
    numbers = source.statistics.numbers
    raw = {
        name: RawInput(
            field.output,
            file.lengths.get(field.output),
            values.get(name, ()),
            numbers.get(name, {}),
            {one.output: file.lengths.get(one.output) for one in further},
        )
        for name, (field, *further) in ((n, own) for n, own in source.fields.inputs.items() if own)
    }
    raw |= {name: _raw_pairs(source, name) for name in source.spec.pairs()}
    inputs, averages = source.spec.inputs, source.averages(source.spec)
    parts = (core, inputs, raw, file, values, profile, averages, source.counts, hidden)
    return assemble(*parts), folded


def _raw_pairs(source: TrainedRun, name: str) -> RawInput:
    keys = source.spec.keys_of(name, source.entries)
    values = source.spec.values_of_keys(name, source.vocabulary_values)
    codes = codes_in(source.values[name], texts_of_ids(keys, values)).tolist()
    return RawInput("", keys=keys, codes=codes)


def _values_of_pairs(source: TrainedRun, name: str) -> dict[str, list[str]]:
    """The values of all pairs by typed column, as far as cells hold them as they are."""
    of = [own.partition(".")[0] for own in source.spec.pairs()[name].of]
    values = zip(*(json.loads(text) for text in source.values[name]), strict=True)
    each = zip(of, values, strict=True)
    fields = source.fields.inputs
    return {fields[own][0].output: list(texts) for own, texts in each if own in source.values}


def compare(source: TrainedRun, content: bytes) -> Certificate:
    """The certificate of these bytes. Raises Failure (5) where they differ from Keras."""
    file, fields, values = described(source), source.fields, source.values
    parts = (source.transform_graph, source.model, fields.raw(), padding(source))
    known = {own[0].output: values[n] for n, own in fields.inputs.items() if own and n in values}
    samples = source.typed_samples
    pairs = {
        f"every_pair/{name}": EveryValue(samples, file.fields, own)
        for name in source.spec.pairs()
        if (own := _values_of_pairs(source, name))
    }
    at_once = batch_rows(row_bytes(source.model, is_mixed=bool(source.counts)))
    return certify(
        Exported(content, source.model.input, file),
        Reference(*parts, averages=source.averages(source.spec), counts=source.counts),
        {
            "held_out": samples,
            **hard_cases(samples, file.fields, known, at_once),
            **remembered_rows(source, at_once),
            **pairs,
        },
        labels={name: values[name] for name in source.spec.labels()},
        batch_rows=at_once,
        vector_rows=batch_rows(row_bytes(source.model, with_results=False)),
    )


def remembered_rows(source: TrainedRun, most: int) -> dict[str, pa.RecordBatch]:
    """For each memory of labels rows with values that it knows, some of all."""
    inputs = {
        name: (own[0], source.values[name])
        for name, own in source.fields.inputs.items()
        if name in source.values and len(own) == 1
    }
    found: dict[str, pa.RecordBatch] = {}
    for of_head in source.counts.values():
        for name, (keys, counts) in of_head.memories.items():
            every = max(1, -(-len(counts.keys) // most))
            rows = rows_of_keys(source.typed_samples, keys, counts.keys[::every], inputs)
            found |= {f"known_to/{name}": rows} if rows.num_rows else {}
    return found


def described(source: TrainedRun) -> Metadata:
    """What the file says of itself, as far as the run's spec and vocabularies tell."""
    spec, fields = source.spec, source.fields
    entries = {name: len(source.values[name]) for name in spec.labels()}
    return Metadata(
        name=spec.name,
        fields=tuple(fields.of_inputs()),
        lengths=_column_lengths(source),
        keys=spec.keys,
        heads=tuple(
            FileHead(name, h.kind, fields.target(name), entries.get(name), h.in_file())
            for name, h in spec.heads.items()
        ),
        # One number for the whole file, the greatest that a head asks for.
        top_k=max((labels.top_k for labels in spec.labels().values()), default=1),
        weight=spec.weight,
    )


def _column_lengths(source: TrainedRun) -> dict[str, int]:
    """How many values the file reads of each list column: the greatest length of its inputs."""
    lengths: dict[str, int] = {}
    for name, length in source.lengths.items():
        for field in (f for f in source.fields.inputs[name] if f.column_type.is_list()):
            lengths[field.output] = max(length, lengths.get(field.output, 0))
    return lengths


def training(
    spec: Spec, statistics: Statistics, values: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """How the values of each input were spread among the training rows, as far as that is known,
    and how many of them the vocabulary does not hold; how many rows' values each memory knows.

    Of values only those that the vocabulary holds: one that was too rare for it stays unsaid.
    """
    distributions = statistics.distributions
    analyses = analyses_of(spec, fields_of(spec))
    said = {name: distributions[name] for name in spec.inputs if name in distributions}
    said |= {name: only_of(one, values[name]) for name, one in said.items() if name in values}
    unknown = {
        name: Usual(len(values[name]), _unknown(statistics.inputs[name]))
        for name in spec.vocabulary_of()
        if name in statistics.inputs
    }
    known = {n: training_of(analyses[n], one, unknown.get(n)) for n, one in said.items()}
    known |= {n: {"unknown": asdict(unknown[n])} for n in spec.pairs() if n in unknown}
    return known | {MEMORY + n: {"memory": asdict(m)} for n, m in _memories(spec, statistics)}


def _memories(spec: Spec, statistics: Statistics) -> Iterator[tuple[str, Remembered]]:
    """What each memory of labels knew of the training rows; that of all rows knows every one. One
    of several heads is that of the first."""
    for name, head in dict(reversed(spec.remembered())).items():
        if spec.memories[name].of:
            said, place = statistics.memory[name][head], place_in_memory(head, name)
            yield name, Remembered(place, said["values"], said["known"]["train"])


def support(source: TrainedRun) -> dict[str, list[list[int]]]:
    """How often the labels of each head are targets of training rows, as Metadata has it. They
    mostly stand in the order of their counts, so that there are few runs of equal ones."""
    counts = {name: list(source.label_counts(name).values()) for name in source.spec.labels()}
    return {
        name: [[count, len(list(run))] for count, run in groupby(own)]
        for name, own in counts.items()
    }


def _unknown(sides: Mapping[str, Mapping[str, float]]) -> float:
    """The greatest share of unknown values that a side of the split had, missing ones aside."""
    there = [side for side in sides.values() if side["values"] and side["missing"] < 1]
    return max((side["out_of_vocabulary"] / (1 - side["missing"]) for side in there), default=0.0)


def with_metadata(model: onnx.ModelProto, metadata: Metadata) -> onnx.ModelProto:
    """The same graph with its `metadata_props`."""
    said = onnx.ModelProto()
    said.CopyFrom(model)
    onnx.helper.set_model_props(said, {KEY: metadata.to_json()})
    return said
