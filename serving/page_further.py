"""What a page says beside the labels and numbers: sets and intervals with a stated coverage, yes or
no by a threshold, how much of the row the model knows, and why, element by element.

The page computes all of it from what the file says of itself and from tensors of its graph, as
serving.model_file.answers and serving.familiarity do for the scorer.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from kinds import tensors
from kinds.heads.score import KINDS, FileHead
from kinds.inputs.ids.numbering import missing_id, unknown_id
from kinds.tensors import Element
from serving.evaluation.drift import analyses_of
from serving.explanation.parts import elements_of, texts_of
from serving.model_file.answers import Answers, thresholds_of
from serving.model_file.file_graph import FileGraph
from serving.model_file.in_browsers import Changed, changed
from serving.model_file.metadata import Metadata

COVERAGE = 0.9
"""What the page asks for until somebody asks for another coverage."""


def of_heads(file: Metadata) -> dict[str, dict[str, Any]]:
    """Of each head its calibration, as the file has it, with a note of what it holds for; its
    threshold; and of a head with labels, how many training rows have each, with the tensor of the
    labels' ids."""
    answers = Answers.asked(file, COVERAGE) if _is_calibrated(file) else Answers()
    said, thresholds = file.facts.get("metrics", {}).get("calibration", {}), thresholds_of(file)
    late = file.split.not_exchangeable() if file.split else ""
    found: dict[str, dict[str, Any]] = {}
    for head in file.heads:
        notes = [*answers.notes([head]), *([late] if late else [])]
        own = {"calibration": said.get(head.name), "notes": notes}
        own["slices_by"] = next(iter(answers.reads([head]).values()), None)
        own["threshold"] = thresholds.get(head.name)
        own["support"] = file.support.get(head.name)
        own["label_ids"] = _label_ids(head)
        found[head.name] = own
    return found


def of_values(file: Metadata, graph: FileGraph) -> list[dict[str, Any]]:
    """How the values of a row are counted, input by input: those that are looked up by their ids,
    with the tensor of the texts, all others by what the file is fed."""
    usual = file.usual()
    found: list[dict[str, Any]] = []
    for name, analysis in (analyses_of(file) if file.training else {}).items():
        if name in usual:
            ids, size = tensors.ids(name), usual[name].size
            limits = {"missing": missing_id(size), "unknown": unknown_id(size)}
            texts = _copy(name) if ids in graph.maker else None
            found.append({"name": name, "ids": ids, "texts": texts, **limits})
        else:
            one = {"name": name, "fed": analysis.field.output, "length": analysis.length or 1}
            found.append(one | {"is_number": analysis.is_number})
    return found


def of_parts(file: Metadata) -> dict[str, list[dict[str, Any]]]:
    """The elements of lists and the words of texts, which an explanation takes out."""
    texts = [
        {"name": text.name, "columns": text.columns, "separator": text.read[0].separator}
        | {"reads": [{"words": one.words, "keep": one.keep} for one in text.read]}
        for text in texts_of(file)
    ]
    return {"elements": [asdict(one) for one in elements_of(file)], "texts": texts}


def file_of(file: Metadata, model: bytes, graph: FileGraph) -> Changed:
    """The model's bytes as the page runs them, with the tensors that it reads."""
    values = [one for one in of_values(file, graph) if "ids" in one]
    ids = [one["ids"] for one in values]
    ids += [one["label_ids"] for one in of_heads(file).values() if one["label_ids"]]
    copies = {one["texts"]: graph.maker[one["ids"]].inputs[0] for one in values}
    outputs: Mapping[str, Element] = dict.fromkeys(ids, "int64")
    return changed(model, graph, lists_of(file, graph), outputs, copies)


def lists_of(file: Metadata, graph: FileGraph) -> list[str]:
    """The inputs that say which labels may come back. Files of earlier versions have none."""
    found = [of(head.name) for head in file.heads for of in (tensors.exclude, tensors.only)]
    return [name for name in found if name in graph.constants]


def _is_calibrated(file: Metadata) -> bool:
    return bool(file.facts.get("metrics", {}).get("calibration"))


def _label_ids(head: FileHead) -> str | None:
    if head.entries is None:
        return None
    place, _ = KINDS[head.kind].tensors(head)[head.outputs[0]]
    return place


def _copy(name: str) -> str:
    return f"{tensors.INNER}page/{name}/texts"
