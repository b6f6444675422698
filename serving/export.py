"""Makes the one file: `python -m serving.export --run OUT/run --output OUT/model`.

    OUT/run: spec, statistics, vocabularies, transform graph, model.keras, held-out rows
    OUT/model: model.onnx, model.onnx.sha256, certificate.json, README.md

The file is published only if it gives what the transform graph and Keras give (see
serving.certificate). Beam, tf.Transform and the trainer are not needed.
"""

import argparse
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx

from pipeline.failures import main
from pipeline.fields import fields_of
from pipeline.manifest import (
    Manifest,
    code_hash,
    combined_hash,
    fresh_staging,
    is_done,
    lock,
    publish,
    verify,
    write_text,
)
from pipeline.quiet import quiet_import
from pipeline.room import room
from pipeline.spec import Multilabel, Spec

with quiet_import():
    from serving.card import CARD, card
    from serving.cases import hard_cases
    from serving.certificate import Report, certify, exported
    from serving.core import convert_core
    from serving.folding import fold_linear_blocks
    from serving.graph import assemble, check, column_lengths, default_top_k
    from serving.metadata import KEY, FileHead, Metadata, outputs_of
    from serving.profiles import MODEL, PROFILES, Profile, triton_config
    from serving.reference import Reference
    from serving.run_files import json_file
    from serving.run_folder import Run, load, padding

STAGE = "model"
_LIBRARIES = ("keras", "numpy", "onnx", "onnxruntime", "tensorflow", "tf2onnx")


def run(arguments: Sequence[str]) -> None:
    """The command."""
    options = _parser().parse_args(arguments)
    folder, output = Path(options.run), Path(options.output)
    profile = PROFILES[options.profile]
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with lock(output), room(output):
        manifest = verify(folder, stage="run")
        made_from = _made_from(manifest, profile)
        if is_done(output, stage=STAGE, made_from=made_from, force=options.force):
            print(f"{output} is up to date")
            return
        path, report = _export(folder, fresh_staging(output), manifest, profile)
        publish(output, stage=STAGE, made_from=made_from, facts={"versions": _versions()})
    largest = max(report.heads.values(), default=0.0)
    rows = sum(report.cases.values())
    print(f"{output / path}: {rows:,} rows as in Keras, largest difference {largest:.1e}")


def _made_from(manifest: Manifest, profile: Profile) -> str:
    code = code_hash("pipeline", "serving")
    return combined_hash([manifest.identity(), code, profile.name, *_versions().values()])


def _versions() -> dict[str, str]:
    return {library: version(library) for library in _LIBRARIES}


def _export(folder: Path, work: Path, manifest: Manifest, profile: Profile) -> tuple[str, Report]:
    """Fills the folder `work`; returns where in it the file lies."""
    source = load(folder)
    facts = {
        "spec": source.spec.model_dump(mode="json"),
        "hashes": {"run": manifest.made_from, **{p: s for p, (_, s) in manifest.files.items()}},
        "versions": _versions(),
        "metrics": json_file(folder / "metrics.json"),
    }
    model, folded = build(source, profile)
    report = compare(source, check(model, profile.most_bytes))
    certificate = {**report.content(), "folded_tables": folded, "versions": _versions()}
    certificate |= {"profile": profile.name}
    facts["certificate"] = certificate
    metadata = metadata_of(source.spec, source.vocabularies, facts)
    content = check(with_metadata(model, metadata), profile.most_bytes)
    sha256 = hashlib.sha256(content).hexdigest()
    path = profile.model_path(source.spec.name)
    file = work / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    write_text(file.with_name(f"{MODEL}.sha256"), f"{sha256}  {MODEL}\n")
    if profile.is_repository:
        config = triton_config(source.spec.name, model.graph)
        write_text(work / source.spec.name / "config.pbtxt", config)
    whole = {"model": path, "sha256": sha256, **certificate}
    write_text(work / "certificate.json", json.dumps(whole, indent=2) + "\n")
    examples = manifest.facts.get("examples", {})
    write_text(work / CARD, card(metadata, source.spec, examples, sha256))
    return path, report


def build(source: Run, profile: Profile = PROFILES["default"]) -> tuple[onnx.ModelProto, list[str]]:
    """The whole graph, not yet checked, and the names of the tables that were folded."""
    core = convert_core(source.model, profile.opset)
    folded = fold_linear_blocks(core)
    model = assemble(
        core,
        source.spec,
        fields_of(source.spec).inputs,
        numbers=source.statistics["numbers"],
        vocabularies=source.vocabularies,
        opset=profile.opset,
        ir_version=profile.ir_version,
    )
    return model, folded


def compare(source: Run, content: bytes) -> Report:
    """The certificate of these bytes. Raises Failure (5) where they differ from Keras."""
    spec, fields = source.spec, fields_of(source.spec)
    inputs = list(dict.fromkeys(fields.inputs.values()))
    embedded = spec.embedded_inputs()
    values = {
        fields.inputs[n].output: source.vocabularies[p.vocabulary] for n, p in embedded.items()
    }
    cases = {"held_out": source.samples, **hard_cases(source.samples, inputs, values)}
    lengths = column_lengths(spec, fields.inputs)
    return certify(
        exported(content, source.model.input, inputs, lengths),
        Reference(
            source.transform, source.model, {**fields.inputs, **fields.heads}, padding(source)
        ),
        file_heads(spec, source.vocabularies),
        cases,
        labels={n: source.vocabularies[h.vocabulary] for n, h in spec.label_heads().items()},
        top_k=default_top_k(spec),
    )


def metadata_of(
    spec: Spec, vocabularies: Mapping[str, Sequence[str]], facts: dict[str, Any]
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
        facts=facts,
    )


def file_heads(spec: Spec, vocabularies: Mapping[str, Sequence[str]]) -> tuple[FileHead, ...]:
    """The heads as the file has them."""
    entries = {n: len(vocabularies[h.vocabulary]) for n, h in spec.label_heads().items()}
    return tuple(
        FileHead(
            n,
            h.kind,
            spec.head_column(n),
            outputs_of(n, h.kind),
            entries.get(n),
            h.separator if isinstance(h, Multilabel) else None,
        )
        for n, h in spec.heads.items()
    )


def with_metadata(model: onnx.ModelProto, metadata: Metadata) -> onnx.ModelProto:
    """The same graph with its `metadata_props`."""
    said = onnx.ModelProto()
    said.CopyFrom(model)
    onnx.helper.set_model_props(said, {KEY: metadata.to_json()})
    return said


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving.export", description=__doc__)
    parser.add_argument("--run", required=True, help="the folder of a finished training run")
    parser.add_argument("--output", required=True, help="the folder to make")
    parser.add_argument("--profile", choices=PROFILES, default="default", help="where it is to run")
    parser.add_argument("--force", action="store_true", help="replace what the folder holds")
    return parser


if __name__ == "__main__":
    main(run)
