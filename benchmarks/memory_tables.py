"""The tables of benchmarks.memory: the file of each, and a spec that anybody might write for it.

Two are of examples: codex.parquet of `python -m examples.codex.rows`, and tennis.parquet, which
`python -m examples.tennis.rows --since 2012` makes, with the example's spec.
"""

import json
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pipeline.spec import Spec
from pipeline.spec.file import parse_spec, read_spec

COMMON = """
memory: auto
trunk: {layers: [128], dropout: 0.2}
split: {by: column, column: side, eval: [eval], test: [test]}
training: {epochs: 12, batch_size: 256, patience: 2}
"""
SPECS = {
    "routes.csv": """
name: routes
vocabularies: {airline: {}, airport: {}, codeshare: {}, stops: {}}
inputs:
  airline: {kind: category, vocabulary: airline}
  source: {kind: category, vocabulary: airport}
  codeshare: {kind: category, vocabulary: codeshare}
  stops: {kind: category, vocabulary: stops}
heads: {destination: {kind: classification, vocabulary: airport}}
""",
    "tags.csv": """
name: tags
vocabularies: {user: {}, artist: {size: 25_000}, tag: {size: 25_000}}
inputs:
  user: {kind: category, vocabulary: user}
  artist: {kind: category, vocabulary: artist}
heads: {tag: {kind: classification, vocabulary: tag}}
""",
    "scorers.csv": """
name: scorers
vocabularies: {team: {}, scorer: {size: 25_000}}
inputs:
  team: {kind: category, vocabulary: team}
  opponent: {kind: category, vocabulary: team}
  at_home: {kind: flag}
heads: {scorer: {kind: classification, vocabulary: scorer}}
""",
    "next_item.jsonl": """
name: next_item
vocabularies: {item: {size: 25_000}}
inputs: {items: {kind: sequence, vocabulary: item, length: 20, combine: attention}}
heads: {next: {kind: classification, vocabulary: item}}
""",
    "access.csv": """
name: access
vocabularies:
  RESOURCE: {}
  MGR_ID: {}
  ROLE_ROLLUP_1: {}
  ROLE_ROLLUP_2: {}
  ROLE_DEPTNAME: {}
  ROLE_TITLE: {}
  ROLE_FAMILY_DESC: {}
  ROLE_FAMILY: {}
  ROLE_CODE: {}
inputs:
  RESOURCE: {kind: category, vocabulary: RESOURCE}
  MGR_ID: {kind: category, vocabulary: MGR_ID}
  ROLE_ROLLUP_1: {kind: category, vocabulary: ROLE_ROLLUP_1}
  ROLE_ROLLUP_2: {kind: category, vocabulary: ROLE_ROLLUP_2}
  ROLE_DEPTNAME: {kind: category, vocabulary: ROLE_DEPTNAME}
  ROLE_TITLE: {kind: category, vocabulary: ROLE_TITLE}
  ROLE_FAMILY_DESC: {kind: category, vocabulary: ROLE_FAMILY_DESC}
  ROLE_FAMILY: {kind: category, vocabulary: ROLE_FAMILY}
  ROLE_CODE: {kind: category, vocabulary: ROLE_CODE}
heads: {ACTION: {kind: binary}}
""",
    "ratings.csv": """
name: ratings
vocabularies: {user: {}, movie: {}}
inputs:
  user: {kind: category, vocabulary: user}
  movie: {kind: category, vocabulary: movie}
heads: {rating: {kind: regression}}
""",
    "codex.parquet": """
name: codex
vocabularies: {entity: {size: 20_000}, relation: {}, type: {size: 2_000, min_count: 5}}
inputs:
  entity: {kind: category, vocabulary: entity, embedding: 200}
  relation: {kind: category, vocabulary: relation, embedding: 200}
  types: {kind: sequence, vocabulary: type, length: 8, embedding: 64, combine: mean}
heads: {answer: {kind: classification, vocabulary: entity, tied: entity}}
""",
}
# Instead of COMMON, where batches of 256 and one layer of 128 would take an hour.
OWN = {
    "codex.parquet": """
memory: auto
trunk: {layers: [400], input_dropout: 0.3, dropout: 0.4}
split: {by: column, column: side, eval: [eval], test: [test]}
training:
  epochs: 4
  batch_size: 1024
  learning_rate: 0.003
  schedule: cosine
  warmup_steps: 200
  patience: 3
  sampled: {negatives: 1024, share: 0.9}
"""
}
# Heads of labels alone, in fewer epochs, so that a run takes minutes.
EXAMPLES = Path(__file__).parent.parent / "examples"
CHANGED = {
    "tennis.parquet": (
        "memory=auto",
        "heads={opponent: {kind: classification, vocabulary: player},"
        " surface: {kind: classification, vocabulary: surface, weight: 0.3, top_k: 4}}",
        "training.epochs=2",
    ),
}


class Table(NamedTuple):
    """Rows in files, and the spec that is trained with its memories and without."""

    name: str
    spec: Spec
    rows: list[str]

    def without_memory(self) -> Spec:
        return self.spec.with_memories({}, dict.fromkeys(self.spec.heads, ()))

    def without_network(self) -> Spec:
        """The memories alone: the trunk reads no input."""
        content = json.loads(self.spec.to_json()) | {"trunk": "none"}
        return parse_spec(json.dumps(content), source=self.name)


def tables(folder: Path) -> list[Table]:
    """Those whose files are in a folder."""
    specs = {
        name: partial(parse_spec, spec + OWN.get(name, COMMON), source=name)
        for name, spec in SPECS.items()
    }
    for name, changed in CHANGED.items():
        path = EXAMPLES / Path(name).stem / "spec.yaml"
        specs[name] = partial(read_spec, path, settings=changed)
    there = [name for name in specs if (folder / name).exists()]
    return [Table(Path(name).stem, specs[name](), [str(folder / name)]) for name in there]
