"""Makes the one file: `python -m serving.export --run OUT/run --output OUT/model`.

    OUT/run: spec, statistics, vocabularies, transform graph, model.keras, held-out rows
    OUT/model: model.onnx, model.onnx.sha256, certificate.json

The file is published only if it gives what the transform graph and Keras give (see
serving.certificate). Beam, tf.Transform and the trainer are not needed.
"""

import argparse
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import onnx
import pyarrow as pa
import pyarrow.parquet

from pipeline.casting import Field, cast
from pipeline.failures import Exit, Failure, main
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
from pipeline.spec import Spec, read_spec
from serving.cases import hard_cases
from serving.certificate import Report, certify, exported
from serving.core import convert_core
from serving.folding import fold_linear_blocks
from serving.graph import assemble, check, column_lengths, default_top_k
from serving.metadata import KEY, FileHead, Metadata, outputs_of
from serving.reference import Reference, load_transform

STAGE = "model"
MODEL = "model.onnx"
_LIBRARIES = ("keras", "numpy", "onnx", "onnxruntime", "tensorflow", "tf2onnx")


@dataclass(frozen=True)
class Run:
    """What a run folder holds. `vocabularies` has the values by id."""

    spec: Spec
    statistics: Mapping[str, Any]
    vocabularies: Mapping[str, Sequence[str]]
    model: keras.Model
    transform: Any
    samples: pa.RecordBatch


def run(arguments: Sequence[str]) -> None:
    """The command."""
    options = _parser().parse_args(arguments)
    folder, output = Path(options.run), Path(options.output)
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with lock(output):
        manifest = verify(folder, stage="run")
        made_from = _made_from(manifest)
        if is_done(output, stage=STAGE, made_from=made_from, force=options.force):
            print(f"{output / MODEL} is up to date")
            return
        report = _export(folder, fresh_staging(output), manifest)
        publish(output, stage=STAGE, made_from=made_from, facts={"versions": _versions()})
    largest = max(report.heads.values(), default=0.0)
    rows = sum(report.cases.values())
    print(f"{output / MODEL}: {rows:,} rows as in Keras, largest difference {largest:.1e}")


def _made_from(manifest: Manifest) -> str:
    return combined_hash(
        [manifest.to_json(), code_hash("pipeline", "serving"), *_versions().values()]
    )


def _versions() -> dict[str, str]:
    return {library: version(library) for library in _LIBRARIES}


def _export(folder: Path, work: Path, manifest: Manifest) -> Report:
    source = load(folder)
    facts = {
        "spec": source.spec.model_dump(mode="json"),
        "hashes": {"run": manifest.made_from, **{p: s for p, (_, s) in manifest.files.items()}},
        "versions": _versions(),
        "metrics": _json_file(folder / "metrics.json"),
    }
    model, folded = build(source)
    report = compare(source, check(model))
    certificate = {**report.content(), "folded_tables": folded, "versions": _versions()}
    facts["certificate"] = certificate
    content = check(with_metadata(model, metadata_of(source.spec, source.vocabularies, facts)))
    sha256 = hashlib.sha256(content).hexdigest()
    (work / MODEL).write_bytes(content)
    write_text(work / f"{MODEL}.sha256", f"{sha256}  {MODEL}\n")
    whole = {"model": MODEL, "sha256": sha256, **certificate}
    write_text(work / "certificate.json", json.dumps(whole, indent=2) + "\n")
    return report


def load(folder: Path) -> Run:
    """Reads a run folder that has been verified."""
    spec = read_spec(folder / "spec.json")
    return Run(
        spec=spec,
        statistics=_json_file(folder / "statistics.json"),
        vocabularies={n: _vocabulary(folder, n) for n in spec.vocabularies},
        model=keras.saving.load_model(folder / "model.keras", compile=False, safe_mode=True),
        transform=load_transform(folder / "transform"),
        samples=_samples(folder / "samples.parquet", spec),
    )


def build(source: Run) -> tuple[onnx.ModelProto, list[str]]:
    """The whole graph, not yet checked, and the names of the tables that were folded."""
    core = convert_core(source.model)
    folded = fold_linear_blocks(core)
    model = assemble(
        core,
        source.spec,
        fields_of(source.spec).inputs,
        numbers=source.statistics["numbers"],
        vocabularies=source.vocabularies,
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
            source.transform, source.model, {**fields.inputs, **fields.heads}, _padding(source)
        ),
        file_heads(spec, source.vocabularies),
        cases,
        labels={n: source.vocabularies[h.vocabulary] for n, h in spec.label_heads().items()},
        top_k=default_top_k(spec),
    )


def _padding(source: Run) -> dict[str, tuple[int, int]]:
    lists = {n: p for n, p in source.spec.embedded_inputs().items() if p.kind == "sequence"}
    return {n: (p.length, len(source.vocabularies[p.vocabulary]) + 1) for n, p in lists.items()}


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
        facts=facts,
    )


def file_heads(spec: Spec, vocabularies: Mapping[str, Sequence[str]]) -> tuple[FileHead, ...]:
    """The heads as the file has them."""
    entries = {n: len(vocabularies[h.vocabulary]) for n, h in spec.label_heads().items()}
    return tuple(
        FileHead(n, h.kind, spec.head_column(n), outputs_of(n, h.kind), entries.get(n))
        for n, h in spec.heads.items()
    )


def with_metadata(model: onnx.ModelProto, metadata: Metadata) -> onnx.ModelProto:
    """The same graph with its `metadata_props`."""
    said = onnx.ModelProto()
    said.CopyFrom(model)
    onnx.helper.set_model_props(said, {KEY: metadata.to_json()})
    return said


def _json_file(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise Failure(Exit.INTEGRITY, "the file must be JSON", received=path) from None


def _vocabulary(folder: Path, name: str) -> list[str]:
    lines = (folder / "vocabulary" / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line)[0] for line in lines if line]


def _samples(path: Path, spec: Spec) -> pa.RecordBatch:
    """The held-out rows, typed. The file has them under their typed names or as they were."""
    rows = pyarrow.parquet.read_table(path).combine_chunks()
    fields = fields_of(spec)
    wanted = dict.fromkeys([*fields.inputs.values(), *fields.heads.values()])
    typed, _, rejected = cast(_one_batch(rows), [_present(f, rows.schema.names) for f in wanted])
    if rejected or not typed.num_rows:
        received = rejected[0] if rejected else "no rows"
        raise Failure(Exit.INTEGRITY, f"{path.name} must hold rows that fit", received=received)
    return typed


def _present(field: Field, names: Sequence[str]) -> Field:
    if field.output not in names:
        return field
    return replace(field, column=field.output)


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    batches = table.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving.export", description=__doc__)
    parser.add_argument("--run", required=True, help="the folder of a finished training run")
    parser.add_argument("--output", required=True, help="the folder to make")
    parser.add_argument("--force", action="store_true", help="replace what the folder holds")
    return parser


if __name__ == "__main__":
    main(run)
