"""Data of the report: what the stages left on disk, and held-out rows scored with the file."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from kinds.heads.guesses import Scored
from kinds.heads.show import KINDS
from kinds.lists import last_elements
from pipeline.failures import Exit, Failure
from pipeline.fields import Fields, fields_of
from pipeline.folders.model import ModelFolder
from pipeline.folders.prepared import Statistics
from pipeline.folders.run import RunFolder
from pipeline.spec import Spec
from serving.model_file.embeddings import FileEmbeddings
from serving.model_file.integrity import read_model
from serving.model_file.metadata import Metadata
from serving.reporting.reasons import Reasons, reasons_of_mistakes
from serving.sample_rows import sample_rows, typed_samples
from serving.scorer import Scorer

LEAST_K = 10


@dataclass(frozen=True)
class ReportData:
    """All that the report is made of. `vocabularies` is {name: {value: count in train}}, `labels`
    {head: {label: how often it is one in train}}.

    `rows` are the held-out rows as they came, `speed` how many of them a second were scored,
    `reasons` {head: {row: why}} of mistakes.
    """

    spec: Spec
    statistics: Statistics
    metrics: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    vocabularies: Mapping[str, Mapping[str, int]]
    labels: Mapping[str, Mapping[str, int]]
    run: Mapping[str, Any]
    export: Mapping[str, Any]
    file: Metadata
    sha256: str
    bytes: int
    graph: FileEmbeddings
    rows: Sequence[Mapping[str, Any]]
    scored: Mapping[str, Scored]
    reasons: Mapping[str, Mapping[int, Reasons]]
    speed: float

    @property
    def split(self) -> str | None:
        """The last held-out split that was measured."""
        return next((split for split in ("test", "eval") if split in self.metrics), None)


def read(run: Path, model: Path) -> ReportData:
    """Reads a run folder and the file that was exported from it. Raises Failure: 2 where one is
    missing or the file is of another run, 5 where one is damaged."""
    folder = RunFolder(run).verified()
    scorer = Scorer(model)
    if scorer.metadata.facts.get("hashes", {}).get("run") != folder.manifest.made_from:
        raise Failure(Exit.USAGE, "the model must have been exported from the run", received=model)
    spec, content = folder.spec, read_model(model)
    labels = {name: folder.label_counts(name) for name in spec.labels()}
    typed, started = typed_samples(folder), time.monotonic()
    results = scorer.score_typed(typed, top_k=max(LEAST_K, scorer.metadata.top_k))
    seconds = time.monotonic() - started
    scored = _scored(scorer.metadata, spec, typed, results, labels)
    return ReportData(
        spec=spec,
        statistics=folder.statistics,
        metrics=folder.metrics,
        history=folder.history(),
        vocabularies=folder.vocabularies(),
        labels=labels,
        run=folder.manifest.facts,
        export=ModelFolder(model.parent).facts(),
        file=scorer.metadata,
        sha256=scorer.sha256,
        bytes=len(content),
        graph=FileEmbeddings(content),
        rows=_shown_rows(sample_rows(folder), fields_of(spec)),
        scored=scored,
        reasons=reasons_of_mistakes(scorer, typed, scored),
        speed=typed.num_rows / max(seconds, 1e-9),
    )


def _scored(
    file: Metadata,
    spec: Spec,
    typed: pa.RecordBatch,
    results: pa.RecordBatch,
    counts: Mapping[str, Mapping[str, int]],
) -> dict[str, Scored]:
    fields, scored = fields_of(spec), {}
    for head in file.heads:
        targets = typed.column(fields.heads[head.name].output)
        if fields.heads[head.name].follows:
            targets = last_elements(targets)
        outputs = [results.column(name) for name in head.outputs]
        guesses = list(KINDS[head.kind].guesses(head, targets, outputs))
        own = counts.get(head.name, {})
        scored[head.name] = Scored(head, targets, outputs, guesses, own)
    return scored


def _shown_rows(rows: pa.RecordBatch, fields: Fields) -> list[dict[str, Any]]:
    """The columns of inputs and keys, each once under its own name."""
    shown: dict[str, pa.Array] = {}
    for field in [*fields.of_inputs(), *fields.keys.values()]:
        name = field.output if field.output in rows.schema.names else field.column
        if name in rows.schema.names:
            shown.setdefault(field.column, rows.column(name))
    return pa.table(shown).to_pylist() if shown else [{}] * rows.num_rows
