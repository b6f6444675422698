"""The card is in Hugging Face's form, holds the numbers of the run and breaks on no name."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from small_run import exported, small_spec

from kinds.columns import Field
from kinds.heads.score import FileHead
from kinds.memory.spec import Memory
from pipeline.spec import Spec
from serving.exporting.card import card, plain, table
from serving.model_file.metadata import Metadata

NAME = "a|b <script>x</script> `*_[y](http://z)\n# h"


def made(memory: Mapping[str, Any] | None = None, **facts: object) -> str:
    head = FileHead("next", "classification", Field("next", "text"), 6)
    file = Metadata("small", (Field("word", "text"),), {}, (), (head,), 3, facts=dict(facts))
    spec = small_spec().with_memories({"by_word": Memory(of=("word",))}, {})
    return card(file, spec, {"train": 1000, "test": 100}, "0" * 64, memory or {})


def front(text: str) -> dict[str, Any]:
    _, matter, _ = text.split("---\n", 2)
    loaded: dict[str, Any] = yaml.safe_load(matter)
    return loaded


def test_every_exported_model_has_its_card() -> None:
    text = (exported() / "model" / "README.md").read_text(encoding="utf-8")
    assert front(text)["library_name"] == "onnx"
    said = json.loads((exported() / "model" / "certificate.json").read_text())
    assert f"SHA-256 of the file: {said['sha256']}" in text
    assert "README.md" in json.loads((exported() / "model" / "manifest.json").read_text())["files"]
    spec: Spec = small_spec()
    assert all(f"| {plain(name)} |" in text for name in (*spec.inputs, *spec.heads))


def test_metrics_stand_in_the_front_matter_and_beside_their_baselines() -> None:
    baselines = {"next": {"constant": {"test": {"log_loss": 1.5}}, "strongest_input": None}}
    metrics = {"test": {"next": {"targets": 100, "log_loss": 1.25}}, "baselines": baselines}
    metrics |= {"intervals": {"test": {"next": {"log_loss": [1.1, 1.4]}}}}
    of_constant = {"constant": {"test": {"log_loss": [1.45, 1.55]}}}
    metrics |= {"baseline_intervals": {"next": of_constant}}
    text = made(metrics=metrics | {"unknown_targets": {"next": "as wrong"}})
    assert "Targets that the vocabulary does not hold count as wrong." in text
    (index,) = front(text)["model-index"]
    (result,) = index["results"]
    assert result["dataset"]["split"] == "test"
    assert {m["name"]: m["value"] for m in result["metrics"]} == {"targets": 100, "log_loss": 1.25}
    assert "| log\\_loss | 1.2500 | 1.1000 to 1.4000 | 1.5000 | 1.4500 to 1.5500 |" in text
    assert "| next | model | 95 % | constant | 95 % |" in text
    assert "| targets | 100 | - | - | - |" in text
    assert "1,000 rows of train" in text
    # The split of the small model is by key.
    assert "intervals: rows of equal key are alike" in text


def test_what_memories_hold_stands_in_the_card() -> None:
    held = {"values": 1200, "pairs": 3000, "bytes": 2e6, "known": {"eval": 0.5}}
    text = made({"by_word": {"next": held}})
    assert "| by\\_word | word | next | 1,200 | 3,000 | 2.0 MB | 50.0 % of eval |" in text
    assert "## Memory" in text
    assert "## Memory" not in made()


def test_a_model_that_was_not_measured_claims_nothing() -> None:
    text = made()
    assert "model-index" not in front(text)
    assert "Measured" not in text


@pytest.mark.parametrize("hostile", [NAME, "\\|", "a\n| b |", "---"])
def test_what_comes_from_rows_is_text_within_its_cell(hostile: str) -> None:
    line = table(["a", "b"], [[hostile, "x"]]).splitlines()
    assert len(line) == 3
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line[2])) == 3
    assert "<" not in plain(hostile)
