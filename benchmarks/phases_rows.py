"""The two sets of rows of benchmarks.phases, made and prepared: next identifiers, and CoDEx-M.

Both are small, so that some hundred runs are an hour's work, and both have more than ten rows for
each weight of the shared block. The block itself is put in by benchmarks.phases.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from examples.codex.rows import INVERSE, read_graph, table_of
from examples.next_identifier import rows as next_identifier
from pipeline.folders.output import Output
from pipeline.manifest import MANIFEST

ROWS, CODEX_SHARE, SEED = 115_000, 0.5, 1
HEADS = {"next_identifier": "identifier", "codex": "answer"}
SPECS = {
    "next_identifier": """
name: next_identifier
keys: [module, line, column]
vocabularies:
  token: {size: 10_000}
  package: {size: 10_000, min_count: 200}
  identifier: {size: 2_000, min_count: 2}
shared: {common: {units: 128}}
inputs:
  tokens: {kind: sequence, vocabulary: token, length: 10, embedding: 50, through: common}
  package: {kind: category, vocabulary: package, embedding: 50, through: common}
trunk: {layers: [64], dropout: 0.2}
heads:
  identifier: {kind: classification, vocabulary: identifier}
split: {by: hash, columns: [module], eval: 0.1, test: 0.1}
training: {batch_size: 1024, learning_rate: 0.004, schedule: cosine, warmup_steps: 50}
""",
    "codex": """
name: codex
keys: [entity, relation]
vocabularies:
  entity: {size: 20_000}
  relation: {size: 200}
  type: {size: 2_000, min_count: 5}
  answer: {size: 2_000, min_count: 2}
shared: {common: {units: 128}}
inputs:
  entity: {kind: category, vocabulary: entity, embedding: 50, through: common}
  relation: {kind: category, vocabulary: relation, embedding: 50, through: common}
  types:
    {kind: sequence, vocabulary: type, length: 4, embedding: 50, through: common, combine: mean}
trunk: {layers: [64], dropout: 0.2}
heads:
  answer: {kind: classification, vocabulary: answer}
split: {by: column, column: side, eval: [eval], test: [test]}
training: {batch_size: 1024, learning_rate: 0.004, schedule: cosine, warmup_steps: 50}
""",
}


def prepared(name: str, folder: Path, archive: Path) -> Path:
    """The folder of a set's prepared examples under `folder`; what is there already is kept.
    `archive` is codex-m.tar.xz."""
    data, rows = Output(folder / name).data.path, folder / name / "rows"
    if (data / MANIFEST).exists():
        return data
    if name == "codex":
        rows.mkdir(parents=True, exist_ok=True)
        pq.write_table(codex_rows(archive), rows / "codex.parquet")
    else:
        next_identifier.run(["--output", str(folder / name), "--rows", str(ROWS)])
    spec = folder / name / "spec.yaml"
    spec.write_text(SPECS[name], encoding="utf-8")
    command = ["pipeline.prepare", "--spec", spec, "--input", rows / "*.parquet", "--output", data]
    subprocess.run([sys.executable, "-m", *map(str, command)], check=True)
    return data


def codex_rows(archive: Path) -> pa.Table:
    """Half of the questions for a tail, and all that the authors hold out. The other direction has
    some 17,000 answers, which is too many for so small a benchmark."""
    table = table_of(read_graph(archive))
    table = table.filter(pc.invert(pc.starts_with(table["relation"], INVERSE)))
    drawn = np.random.default_rng(SEED).random(table.num_rows) < CODEX_SHARE
    return table.filter(pc.or_(pa.array(drawn), pc.not_equal(table["side"], "train")))
