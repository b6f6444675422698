"""A page that predicts: `python -m serving.page --model MODEL --output page/`.

A folder to open or to put on any web server: the model, onnxruntime's build for browsers, and a
form made from what the file says about itself. The graph runs as it is, its lookups of strings
too. Needs what the scorer needs, and the npm package once: `make web`.
"""

import argparse
import base64
import gzip
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from kinds import columns
from kinds.heads import coverage, score, show
from kinds.heads.score import FileHead
from pipeline.failures import Exit, Failure, main
from pipeline.manifest import write_text
from serving.explanation.parts import Part, inputs_of
from serving.model_file.embeddings import FileEmbeddings
from serving.model_file.file_graph import FileGraph
from serving.model_file.integrity import read_model
from serving.model_file.metadata import Metadata
from serving.page_further import COVERAGE, file_of, lists_of, of_heads, of_parts, of_values
from serving.scorer import Scorer

HERE = Path(__file__).parent
RUNTIME = HERE / "web" / "node_modules" / "onnxruntime-web" / "dist"
CODE, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
MOST_BYTES = 300_000_000
SUGGESTIONS = 50

# The JavaScript of each kind is one expression in a file of the kind's folder.
COLUMN_SCRIPTS = {
    kind: Path(columns.__file__).with_name(f"{kind}.js").read_text(encoding="utf-8")
    for kind in get_args(columns.Kind)
}
READING_SCRIPT = Path(columns.__file__).with_name("reading.js").read_text(encoding="utf-8")
HEAD_SCRIPTS = {
    kind: head.script().read_text(encoding="utf-8") for kind, head in show.KINDS.items()
}
ANSWER_SCRIPTS = {
    kind: head.script().read_text(encoding="utf-8") for kind, head in coverage.KINDS.items()
}


def run(arguments: Sequence[str]) -> None:
    """The command."""
    options = _parser().parse_args(arguments)
    output = Path(options.output)
    write_page(Path(options.model), output, Path(options.runtime))
    print(f"page: {output / 'index.html'}")


def write_page(model: Path, output: Path, runtime: Path = RUNTIME) -> None:
    """Writes the folder. Raises Failure: 2 for a model that is too large or not there, 5 for one
    that is damaged, 6 where onnxruntime-web is not installed."""
    if missing := [name for name in (CODE, WASM) if not (runtime / name).is_file()]:
        rule = "onnxruntime-web must be there: `make web`, or `npm ci` in serving/web"
        raise Failure(Exit.ENVIRONMENT, rule, received=f"no {missing[0]} in {runtime}")
    scorer, content = Scorer(model), read_model(model)
    if len(content) > MOST_BYTES:
        rule = f"a page takes a model of at most {MOST_BYTES:,} bytes"
        raise Failure(Exit.USAGE, rule, received=f"{len(content):,}")
    output.mkdir(parents=True, exist_ok=True)
    said = {**described(scorer.metadata, FileEmbeddings(content)), "sha256": scorer.sha256}
    said |= further(scorer.metadata, content, scorer.graph)
    _write_script(output / "model.js", "model", {**said, "file": packed(content)})
    library = {
        key: packed((runtime / n).read_bytes()) for key, n in (("code", CODE), ("wasm", WASM))
    }
    _write_script(output / "runtime.js", "runtime", library)
    kinds = {"column": COLUMN_SCRIPTS, "head": HEAD_SCRIPTS, "answer": ANSWER_SCRIPTS}
    scripts = [_kinds(f"{what}Kinds", each) for what, each in kinds.items()]
    write_text(output / "kinds.js", "".join([READING_SCRIPT, *scripts]))
    for name in ("index.html", "page.js", "sure.js", "known.js", "parts.js"):
        shutil.copyfile(HERE / "web" / name, output / name)
    sheets = [HERE / "templates" / "colours.css", HERE / "web" / "page.css"]
    style = "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    write_text(output / "page.css", style)


def described(file: Metadata, graph: FileEmbeddings) -> dict[str, Any]:
    """What the form is made from: the fields, the heads, and frequent values of each column."""
    fields = [asdict(f) | {"length": file.lengths.get(f.output)} for f in file.fields]
    inputs = file.facts.get("spec", {}).get("inputs", {})
    values = {part.get("column") or name: graph.values_of(name) for name, part in inputs.items()}
    return {
        "name": file.name,
        "fields": fields,
        "heads": [_head(head) for head in file.heads],
        "inputs": [
            {"name": part.name, "columns": _columns(file, part)} for part in inputs_of(file)
        ],
        "suggestions": {c: own[:SUGGESTIONS] for c, own in values.items() if own},
    }


def further(file: Metadata, model: bytes, graph: FileGraph) -> dict[str, Any]:
    """What the page says beside the answers is made from, and the file with the tensors for it."""
    own = file_of(file, model, graph)
    return {
        "top_k": file.top_k,
        "coverage": COVERAGE,
        "sure": of_heads(file),
        "values": of_values(file, graph),
        **of_parts(file),
        "lists": lists_of(file, graph),
        "changed": own._asdict() | {"behind": packed(own.behind)},
    }


def _head(head: FileHead) -> dict[str, Any]:
    """As the file describes it, with what the page needs to say why."""
    kind = score.KINDS[head.kind]
    leans = {"in_log_odds": kind.in_log_odds(), "middle": kind.middle(head)}
    return asdict(head) | {"outputs": head.outputs} | leans


def _columns(file: Metadata, part: Part) -> list[str]:
    return list(dict.fromkeys(f.column for f in file.fields if f.output in part.columns))


def packed(content: bytes) -> str:
    """Gzip in base64: a page that is opened from a folder can read scripts, and nothing else."""
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()


def _kinds(name: str, scripts: Mapping[str, str]) -> str:
    members = "".join(f"{json.dumps(kind)}:\n{script},\n" for kind, script in scripts.items())
    return f"const {name} = {{\n{members}}};\n"


def _write_script(path: Path, name: str, value: object) -> None:
    write_text(path, f"const {name} = {json.dumps(value)};\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving.page",
        description="A folder with a page that runs the model.",
        epilog="Example: python -m serving.page --model OUT/model/model.onnx --output page",
    )
    parser.add_argument("--model", required=True, help="model.onnx, its .sha256 beside it")
    parser.add_argument("--output", required=True, help="the folder to write")
    parser.add_argument("--runtime", default=RUNTIME, help="onnxruntime-web's folder dist")
    return parser


if __name__ == "__main__":
    main(run)
