"""The page and the schema of the spec say what the code accepts."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pipeline.spec.docs import CHAPTERS, documents, schema
from pipeline.spec.file import parse_spec

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))


def validator() -> Any:
    return jsonschema.Draft202012Validator(schema())


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_the_documents_are_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == documents()[path], "python -m pipeline.spec.docs"


def test_every_part_of_the_spec_has_its_chapter() -> None:
    described = {part.__name__ for parts in CHAPTERS.values() for part in parts}
    assert described == {"Spec", *schema()["$defs"]}


def test_every_setting_is_described() -> None:
    for part in (part for parts in CHAPTERS.values() for part in parts):
        fields = part.model_fields.items()
        assert [n for n, f in fields if n not in ("kind", "by") and not f.description] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_schema_takes_every_example(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    parse_spec(text)
    validator().validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "wrong",
    [
        {"inputs": {"x": {"kind": "numbr"}}},
        {"inputs": {"x": {"kind": "number", "scale": "cubic"}}},
        {"training": {"epochs": 0}},
        {"trunk": {"layers": [-1]}},
        {"heads": {"y": {"kind": "binary", "colour": "red"}}},
    ],
)
def test_the_schema_refuses_what_the_code_refuses(wrong: dict[str, Any]) -> None:
    right = {
        "name": "n",
        "inputs": {"x": {"kind": "number"}},
        "heads": {"y": {"kind": "binary"}},
        "split": {"by": "hash", "columns": ["x"]},
        "trunk": {"layers": [16]},
    }
    assert validator().is_valid(right)
    assert not validator().is_valid(right | wrong)
