"""The model card beside every exported model: README.md in Hugging Face's form.

Metadata as YAML between two lines of `---`, then text for people. What comes from rows and specs
is escaped: it may hold `|`, markup or anything else.
https://huggingface.co/docs/hub/model-cards
"""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from kinds.charts import figure, percent
from kinds.heads import show as heads
from kinds.heads.any.intervals import LEVEL
from kinds.heads.metrics import telling
from kinds.heads.score import FileHead
from kinds.inputs import show as inputs
from kinds.memory import parts
from kinds.memory import show as memories
from pipeline.sides import Split
from pipeline.spec import Spec
from serving.model_file.metadata import Metadata

LEVEL_SAID = percent(LEVEL, 0)
"""What stands above the intervals."""


def card(
    file: Metadata,
    spec: Spec,
    examples: Mapping[str, int],
    sha256: str,
    memory: Mapping[str, Mapping[str, Any]],
    vectors: Mapping[str, Mapping[str, Any]] | None = None,
    label_features: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """The whole card. `examples` is {side: rows}, `memory` what the statistics say of memories,
    `vectors` of tables that start with vectors, `label_features` of labels with columns."""
    metrics = file.facts.get("metrics", {})
    split = next((s for s in ("test", "eval") if s in metrics), None)
    front = yaml.safe_dump(_front(file, metrics, split), sort_keys=False, allow_unicode=True)
    parts = [
        f"# {plain(file.name)}",
        _about(spec, examples),
        "## Inputs",
        table(["input", "column", "kind", "missing"], list(_inputs(spec))),
        *_before_the_file(file),
        *_starts(spec, vectors or {}),
        *_label_features(spec, label_features or {}),
        "## Outputs",
        table(["head", "kind", "outputs", "labels"], [_output(head) for head in file.heads]),
        *_memories(spec, memory),
        *_measured(spec, metrics, split, {head.name: head.entries for head in file.heads}),
        "## Use",
        _USE,
        "## Made with",
        _made_with(file, sha256),
    ]
    return f"---\n{front}---\n\n" + "\n\n".join(parts) + "\n"


def plain(text: object) -> str:
    """Text that Markdown and HTML leave alone, on one line and within a cell of a table.

    >>> plain("a|b <i> *x*")
    'a\\\\|b &lt;i&gt; \\\\*x\\\\*'
    """
    line = " ".join(html.escape(str(text), quote=False).split())
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", line)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """
    >>> print(table(["a", "b"], [["x", 1]]))
    | a | b |
    |---|---|
    | x | 1 |
    """
    lines = [[plain(cell) for cell in row] for row in (header, *rows)]
    written = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([written[0], "|" + "---|" * len(header), *written[1:]])


def _front(file: Metadata, metrics: Mapping[str, Any], split: str | None) -> dict[str, Any]:
    tasks = {head.name: heads.KINDS[head.kind].task() for head in file.heads}
    front: dict[str, Any] = {
        "library_name": "onnx",
        "pipeline_tag": next(iter(tasks.values())),
        "tags": ["onnx", "onnxruntime", "tabular", "shared-weights"],
    }
    if split is None:
        return front
    results = [
        {
            "task": {"type": tasks[head], "name": head},
            "dataset": {"name": f"held-out rows of {file.name}", "type": file.name, "split": split},
            "metrics": [{"type": n, "name": n, "value": v} for n, v in of_head.items()],
        }
        for head, of_head in metrics[split].items()
    ]
    return front | {"model-index": [{"name": file.name, "results": results}]}


def _about(spec: Spec, examples: Mapping[str, int]) -> str:
    rows = ", ".join(f"{count:,} rows of {side}" for side, count in examples.items())
    common = ", ".join(plain(name) for name in spec.shared)
    said = f"Raw rows in, predictions out: one ONNX file with {len(spec.heads)} heads."
    said += f" All examples go through the same common weights ({common})." if common else ""
    return said + (f" Made from {rows}, split {plain(spec.split.said())}." if rows else "")


def _inputs(spec: Spec) -> Iterator[list[object]]:
    for name, part in spec.inputs.items():
        vocabulary = spec.vocabulary_of().get(name)
        kind = f"{part.kind} of {vocabulary}" if vocabulary in spec.vocabularies else part.kind
        missing = inputs.KINDS[part.kind].missing(part)
        columns = spec.input_columns(name) or spec.pairs()[name].of
        yield [name, ", ".join(columns), kind, missing]


def _starts(spec: Spec, said: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A line for each table that starts with vectors from a file."""
    if said:
        yield "\n".join(
            f"- The table {name} starts with the vectors of {plain(spec.tables[name].vectors)} for "
            f"{one['found']:,} of its {one['values']:,} values"
            + (", and is frozen." if spec.tables[name].frozen else ", and is learned on.")
            for name, one in said.items()
        )


def _label_features(spec: Spec, said: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A line for each vocabulary whose labels have columns of their own."""
    if said:
        yield "\n".join(
            f"- The labels of {name} are known by {', '.join(map(plain, one['values']))} of "
            f"{plain(spec.label_features[name].file)}, too: {one['new']:,} of {one['labels']:,} "
            "are in no training row."
            for name, one in said.items()
        )


def _before_the_file(file: Metadata) -> Iterator[str]:
    """What is done to texts before the file sees them, for who runs it without the scorer."""
    fields = [field for field in file.fields if field.spaces or field.lower]
    if not fields:
        return
    yield (
        "The scorer changes some characters before the file sees a text, and so does whoever runs "
        "the file without it. A space takes the place of those in the list, which is written as in "
        "JSON; no other letters than A to Z become small:"
    )
    yield "\n".join(
        f"- {plain(field.column)}: ``{json.dumps(field.spaces)}``" + ", lower case" * field.lower
        for field in fields
    )


def _output(head: FileHead) -> list[object]:
    return [
        head.name,
        head.kind,
        ", ".join(head.outputs),
        "-" if head.entries is None else f"{head.entries:,}",
    ]


def _memories(spec: Spec, memory: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if memory:
        yield "## Memory"
        yield _MEMORY
        of = {name: one.of for name, one in spec.memories.items()}
        yield table(memories.HEADER, list(memories.rows(of, memory)))


def _measured(
    spec: Spec, metrics: Mapping[str, Any], split: str | None, labels: Mapping[str, int | None]
) -> Iterator[str]:
    if split is None:
        return
    yield f"## Measured on {split}"
    if why := Split.of(spec.split.model_dump(mode="json")).too_narrow():
        yield plain(f"Of the {LEVEL_SAID} intervals: {why}.")
    for head, of_head in metrics[split].items():
        baselines = metrics.get("baselines", {}).get(head, {})
        columns = {"constant": "constant"}
        if source := (baselines.get("strongest_input") or {}).get("input"):
            columns["strongest_input"] = f"given {source}"
        header = [
            head,
            *(said for title in ("model", *columns.values()) for said in (title, LEVEL_SAID)),
        ]
        beside = [(baselines.get(which) or {}).get(split) or {} for which in columns]
        less = metrics.get("baseline_intervals", {}).get(head, {})
        ends = [
            metrics.get("intervals", {}).get(split, {}).get(head, {}),
            *(less.get(which, {}).get(split, {}) for which in columns),
        ]
        yield table(
            header,
            [
                _with_ends(n, [one.get(n) for one in (of_head, *beside)], ends)
                for n in telling(of_head, labels.get(head))
            ],
        )
        if unknown := metrics.get("unknown_targets", {}).get(head):
            yield plain(f"Targets that the vocabulary does not hold count {unknown}.")
    for head, said in metrics.get("memory", {}).items():
        if found := parts.columns(said):
            yield f"{plain(head)} with its memories and without, on half of eval:"
            titles, ends = [title for title, _ in found], parts.between(said)
            header = [what for title in titles for what in (title, LEVEL_SAID)]
            yield table([head, *header], [_with_ends(n, own, ends) for n, own in parts.rows(found)])


def _with_ends(
    metric: str, values: Sequence[float | None], ends: Sequence[parts.Intervals]
) -> list[str]:
    each = zip(values, ends, strict=True)
    return [metric, *(said for v, of in each for said in (_cell(v), _range(of.get(metric))))]


def _range(between: Sequence[float] | None) -> str:
    return "-" if between is None else f"{_cell(between[0])} to {_cell(between[1])}"


def _cell(value: float | None) -> str:
    return "-" if value is None else figure(value)


def _made_with(file: Metadata, sha256: str) -> str:
    versions = ", ".join(f"{n} {v}" for n, v in file.facts.get("versions", {}).items())
    said = file.facts.get("certificate", {})
    rows = f"{said['rows']:,} rows as in Keras, within {said['tolerance']}. " if said else ""
    return f"{plain(rows + versions)}\n\nSHA-256 of the file: {sha256}"


_MEMORY = """What the training rows say of single values, counted, is part of the file, and is mixed
with what the network says."""
_USE = """The file needs onnxruntime only. With this project's scorer, which also checks it:

```python
from serving.scorer import Scorer

scores = Scorer("model.onnx").score(table)  # a pyarrow.Table with the columns above, one out
```

A value that the model has not seen in training counts as unknown, as do all others like it. Scores
of labels are probabilities; where labels exclude each other, they leave room for all others."""
