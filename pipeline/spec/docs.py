"""The page and the JSON schema of the spec, written from the code that checks it.

    python -m pipeline.spec.docs [--check]

writes docs/spec.md and docs/spec.schema.json; with --check it only says whether they are up to
date.
"""

import argparse
import inspect
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kinds.heads import spec as heads
from kinds.inputs import spec as inputs
from kinds.number_format import NumberFormat
from pipeline import spec as specs
from pipeline.failures import Exit, Failure, main
from pipeline.manifest import write_text
from pipeline.spec.file import MAX_SPEC_BYTES
from pipeline.spec.plain_yaml import MAX_VALUES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
EXAMPLE = ROOT / "examples" / "next_identifier" / "spec.yaml"
SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# The chapters of the page, in the order of a spec.
CHAPTERS: dict[str, tuple[type[specs.Part], ...]] = {
    "The whole": (specs.Spec,),
    "vocabularies": (specs.Vocabulary,),
    "shared": (specs.Shared, specs.Layer, specs.Phases),
    "inputs": (*inputs.CLASSES, NumberFormat),
    "tables": (specs.Table,),
    "label_features": (specs.LabelFeatures, specs.LabelColumn),
    "products": (specs.Product,),
    "memory": (specs.Memory,),
    "trunk": (specs.Trunk,),
    "heads": tuple(heads.CLASSES),
    "split": (
        *(specs.HashSplit, specs.RowSplit, specs.ColumnSplit),
        *(specs.FileSplit, specs.TimeSplit, specs.LastSplit),
    ),
    "training": (specs.Training, specs.Sampled),
}
OPENING = f"""# The spec in full

Made from the code by `python -m pipeline.spec.docs`. Editors that know JSON schemas can complete
and check a spec with [spec.schema.json](spec.schema.json): put
`# yaml-language-server: $schema=PATH/spec.schema.json` into its first line.

Values without quotes are text, too, except `null`, `true`, `false` and decimal numbers such as
`10_000` or `0.5`: so `yes`, `0017`, `12:30` and `2024-01-01` stay as they are written. YAML's
aliases, tags and directives are refused, and so is a key that is given twice. A spec may have up to
{MAX_SPEC_BYTES:,} bytes and {MAX_VALUES:,} keys and values; `python -m pipeline.prepare --infer`
writes some 55,000 for 5,000 columns.

A wrong spec is refused when it is read: the message names the place and says what was expected. A
spec that could not be exported is refused, too: if the column of an input is called `top_k`, is
called like a result of a head or like its lists of labels (`HEAD.only`), or begins with `/`; or if
the weights need more than the 2 GB of an ONNX file, which training checks again before the first
step, when the vocabularies are known.

Where a row's target is missing, the row does not count for that head; it still counts for the
others.
"""


def schema() -> dict[str, Any]:
    """The JSON schema of a spec, as an author writes it."""
    return {"$schema": SCHEMA_DIALECT, **specs.Spec.model_json_schema()}


def page() -> str:
    chapters = [chapter(title, parts) for title, parts in CHAPTERS.items()]
    example = EXAMPLE.read_text(encoding="utf-8")
    whole = f"## An example\n\nThe spec of the demo:\n\n```yaml\n{example}```\n"
    return "\n".join([OPENING, whole, *chapters])


def chapter(title: str, parts: Sequence[type[specs.Part]]) -> str:
    lines = [f"## {title}", ""]
    for part in parts:
        if len(parts) > 1:
            lines += [f"### {tag(part)}", ""]
        lines += [inspect.getdoc(part) or "", "", *table(part), ""]
    return "\n".join(lines)


def tag(part: type[specs.Part]) -> str:
    """How a spec asks for this part, such as `kind: category`, or else its title.

    >>> tag(inputs.CLASSES[0]), tag(specs.HashSplit), tag(specs.Layer)
    ('`kind: category`', '`by: hash`', 'A layer')
    """
    for name in ("kind", "by"):
        if name in part.model_fields:
            (value,) = part.model_json_schema()["properties"][name]["const"].split()
            return f"`{name}: {value}`"
    return TITLES[part]


def table(part: type[specs.Part]) -> Iterator[str]:
    yield "| setting | values | default | |"
    yield "|---|---|---|---|"
    said = part.model_json_schema(ref_template="{model}")
    for name, about in said["properties"].items():
        if name not in ("kind", "by"):
            given = default(about) if name not in said.get("required", []) else "must be given"
            text = " ".join(about.get("description", "").split())
            yield f"| `{name}` | {values(about)} | {given} | {text} |"


def default(about: dict[str, Any]) -> str:
    value = about.get("default")
    if value is None or value == [] or isinstance(value, dict):
        return ""
    return f"`{json.dumps(value)}`"


def values(about: dict[str, Any]) -> str:
    """A JSON schema in words.

    >>> values({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]})
    'whole number from 1'
    >>> values({"type": "array", "items": {"type": "string"}})
    'list of text'
    >>> values({"enum": ["adam", "sgd"]})
    '`adam`, `sgd`'
    """
    match about:
        case {"anyOf": list(choices)} | {"oneOf": list(choices)}:
            return " or ".join(values(c) for c in choices if c.get("type") != "null")
        case {"enum": list(words)}:
            return ", ".join(f"`{word}`" for word in words)
        case {"const": word}:
            return f"`{word}`"
        case {"$ref": str(name)}:
            return IN_WORDS.get(name) or KINDS.get(name) or name.lower()
        case {"type": "array", "items": dict(item)}:
            return f"list of {values(item)}"
        case {"type": "object", "additionalProperties": dict(item)}:
            return f"value to {values(item)}"
        case {"type": "object", "patternProperties": dict(named)}:
            return f"name to {values(*named.values())}"
        case {"type": str(kind)}:
            return IN_WORDS[kind] + bounds(about)
    raise AssertionError(f"a schema without words for it: {about}")


TITLES: dict[type[specs.Part], str] = {
    specs.Shared: "A shared block",
    specs.Layer: "A layer",
    specs.Table: "A table",
    specs.LabelFeatures: "A file of labels",
    specs.LabelColumn: "A column of labels",
    specs.Phases: "`phases`",
    specs.Training: "`training`",
    specs.Sampled: "`sampled`",
    NumberFormat: "The `format` of a number",
}
KINDS = {
    part.__name__: part.model_fields["kind"].default for part in (*inputs.CLASSES, *heads.CLASSES)
}
IN_WORDS = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "`true`, `false`",
    "Phases": "`phases`",
    "Sampled": "`sampled`",
    "NumberFormat": "[`format`](#the-format-of-a-number)",
    "HashSplit": "`by: hash`",
    "RowSplit": "`by: row`",
    "ColumnSplit": "`by: column`",
    "FileSplit": "`by: file`",
    "TimeSplit": "`by: time`",
    "LastSplit": "`by: last`",
    "Shared": "shared block",
    "Memory": "memory",
    "Product": "product",
    "Table": "table",
    "LabelFeatures": "label features",
    "LabelColumn": "column of labels",
}


def bounds(about: dict[str, Any]) -> str:
    """
    >>> bounds({"minimum": 0, "exclusiveMaximum": 1}), bounds({"exclusiveMinimum": 0})
    (' from 0, below 1', ' above 0')
    """
    words = {
        "minimum": " from {}",
        "exclusiveMinimum": " above {}",
        "maximum": " to {}",
        "exclusiveMaximum": ", below {}",
    }
    said = [text.format(f"{about[name]:,}") for name, text in words.items() if name in about]
    return "".join(said)


def documents() -> dict[Path, str]:
    schema_text = json.dumps(schema(), indent=2) + "\n"
    return {DOCS / "spec.md": page(), DOCS / "spec.schema.json": schema_text}


def run(arguments: Sequence[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.spec.docs", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args(arguments).check
    for path, text in documents().items():
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            rule = f"{path.name} must be up to date; python -m pipeline.spec.docs writes it"
            raise Failure(Exit.USAGE, rule)
        if not check:
            write_text(path, text)


if __name__ == "__main__":
    main(run)
