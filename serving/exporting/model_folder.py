"""A run folder to a model folder: the graph is built, compared with Keras and written.

The command, which has taken the lock by then, is serving.export.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx

from kinds.heads.onnx import KINDS as HEADS
from kinds.heads.score import FileHead
from pipeline.distributions import Distribution, only_of
from pipeline.fields import fields_of
from pipeline.manifest import Manifest, write_text
from pipeline.plan import sources_of
from pipeline.spec import Spec
from serving.evaluation.drift import training_of
from serving.exporting.card import CARD, card
from serving.exporting.certificate import Certificate, certify, exported
from serving.exporting.core import convert_core
from serving.exporting.folding import fold_linear_blocks
from serving.exporting.graph import assemble, check, column_lengths, default_top_k
from serving.exporting.hard_cases import hard_cases
from serving.exporting.profiles import MODEL, PROFILES, Profile
from serving.exporting.reference import Reference
from serving.exporting.run_folder import TrainedRun, load, padding
from serving.exporting.triton import config
from serving.model_file.metadata import KEY, Metadata
from serving.run_files import json_file


def write_model(
    folder: Path, work: Path, manifest: Manifest, profile: Profile, versions: Mapping[str, str]
) -> tuple[str, Certificate]:
    """Fills the folder `work`; returns where in it the file lies."""
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    source = load(folder)
    facts = {
        "spec": source.spec.model_dump(mode="json"),
        "hashes": {"run": manifest.made_from, **{p: s for p, (_, s) in manifest.files.items()}},
        "versions": versions,
        "metrics": json_file(folder / "metrics.json"),
    }
    model, folded = build(source, profile)
    compared = compare(source, check(model, profile.most_bytes))
    certificate = {**compared.content(), "folded_tables": folded, "versions": versions}
    certificate |= {"profile": profile.name}
    facts["certificate"] = certificate
    distributions = source.statistics.get("distributions", {})
    known = training(source.spec, distributions, source.vocabularies)
    metadata = metadata_of(source.spec, source.vocabularies, facts, known)
    content = check(with_metadata(model, metadata), profile.most_bytes)
    sha256 = hashlib.sha256(content).hexdigest()
    path = profile.model_path(source.spec.name)
    file = work / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    write_text(file.with_name(f"{MODEL}.sha256"), f"{sha256}  {MODEL}\n")
    if profile.is_repository:
        text = config(source.spec.name, model.graph)
        write_text(work / source.spec.name / "config.pbtxt", text)
    whole = {"model": path, "sha256": sha256, **certificate}
    write_text(work / "certificate.json", json.dumps(whole, indent=2) + "\n")
    examples = manifest.facts.get("examples", {})
    write_text(work / CARD, card(metadata, source.spec, examples, sha256))
    return path, compared


def build(
    source: TrainedRun, profile: Profile = PROFILES["default"]
) -> tuple[onnx.ModelProto, list[str]]:
    """The whole graph, not yet checked, and the names of the tables that were folded."""
    core = convert_core(source.model, profile.opset)
    folded = fold_linear_blocks(core)
    model = assemble(
        core,
        source.spec,
        fields_of(source.spec).inputs,
        file_heads(source.spec, source.vocabularies),
        numbers=source.statistics["numbers"],
        vocabularies=source.vocabularies,
        profile=profile,
    )
    return model, folded


def compare(source: TrainedRun, content: bytes) -> Certificate:
    """The certificate of these bytes. Raises Failure (5) where they differ from Keras."""
    spec, fields = source.spec, fields_of(source.spec)
    inputs = list(dict.fromkeys(fields.inputs.values()))
    known = {name: source.vocabularies[v] for name, v in spec.vocabulary_of().items()}
    values = {field.output: known[name] for name, field in fields.inputs.items() if name in known}
    cases = {"held_out": source.samples, **hard_cases(source.samples, inputs, values)}
    lengths = column_lengths(spec, fields.inputs)
    return certify(
        exported(content, source.model.input, inputs, lengths),
        Reference(
            source.transform, source.model, {**fields.inputs, **fields.heads}, padding(source)
        ),
        file_heads(spec, source.vocabularies),
        cases,
        labels={name: known[name] for name in spec.labels()},
        top_k=default_top_k(spec),
    )


def metadata_of(
    spec: Spec,
    vocabularies: Mapping[str, Sequence[str]],
    facts: dict[str, Any],
    training: dict[str, Any],
) -> Metadata:
    """What the file says about itself."""
    fields = fields_of(spec).inputs
    return Metadata(
        name=spec.name,
        fields=tuple(dict.fromkeys(fields.values())),
        lengths=column_lengths(spec, fields),
        keys=spec.keys,
        heads=file_heads(spec, vocabularies),
        top_k=default_top_k(spec),
        weight=spec.weight,
        training=training,
        facts=facts,
    )


def training(
    spec: Spec,
    distributions: Mapping[str, Distribution],
    vocabularies: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """How the values of each input were spread among the training rows, as far as that is known.

    Of values only those that the vocabulary holds: one that was too rare for it stays unsaid.
    """
    sources = sources_of(spec, fields_of(spec))
    said = {name: distributions[name] for name in spec.inputs if name in distributions}
    for name, vocabulary in spec.vocabulary_of().items():
        if name in said:
            said[name] = only_of(said[name], vocabularies[vocabulary])
    return {name: training_of(sources[name], one) for name, one in said.items()}


def file_heads(spec: Spec, vocabularies: Mapping[str, Sequence[str]]) -> tuple[FileHead, ...]:
    """The heads as the file has them."""
    fields = fields_of(spec).heads
    entries = {n: len(vocabularies[labels.vocabulary]) for n, labels in spec.labels().items()}
    return tuple(
        FileHead(name, h.kind, fields[name], entries.get(name), HEADS[h.kind].settings(h))
        for name, h in spec.heads.items()
    )


def with_metadata(model: onnx.ModelProto, metadata: Metadata) -> onnx.ModelProto:
    """The same graph with its `metadata_props`."""
    said = onnx.ModelProto()
    said.CopyFrom(model)
    onnx.helper.set_model_props(said, {KEY: metadata.to_json()})
    return said
