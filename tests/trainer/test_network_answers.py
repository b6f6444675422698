"""Each kind answers all that the trainer and the evaluation of a file ask."""

from types import ModuleType
from typing import Any

import pytest
from test_imports import ALL_HEAVY, BEAM, CONVERTING, SPEC, TRANSFORM, imported_with, libraries
from test_model import EVERY_HEAD
from tiny_data import ENTRIES

from kinds import heads, inputs
from kinds.answers import asked, check
from kinds.heads import metrics as heads_metrics
from kinds.heads import network as heads_network
from kinds.heads import prepare as heads_prepare
from kinds.inputs import network as inputs_network
from kinds.inputs import prepare as inputs_prepare
from pipeline.spec.file import parse_spec
from trainer.data import example_features

STAGES = [
    (inputs, inputs_network, inputs_network.Network),
    (heads, heads_network, heads_network.Network),
    (heads, heads_metrics, heads_metrics.Metrics),
]
QUESTIONS = [
    (stage.KINDS, questions, name) for _, stage, questions in STAGES for name in asked(questions)
]


@pytest.mark.parametrize(("family", "stage", "questions"), STAGES)
def test_every_kind_answers_every_question(family: Any, stage: Any, questions: type[Any]) -> None:
    assert tuple(stage.KINDS) == family.KINDS
    for kind, module in stage.KINDS.items():
        assert module.__name__.split(".")[-2] == kind
        check(module, questions)


@pytest.mark.parametrize(("kinds", "questions", "question"), QUESTIONS)
def test_a_kind_without_an_answer_is_refused(
    kinds: dict[str, Any], questions: type[Any], question: str
) -> None:
    kind = ModuleType("half_a_kind")
    answers = vars(next(iter(kinds.values())))
    vars(kind).update({name: answers[name] for name in asked(questions) if name != question})
    with pytest.raises(TypeError, match=f"half_a_kind must have {question}"):
        check(kind, questions)


@pytest.mark.parametrize("kind", heads.KINDS)
def test_metrics_need_numpy_only_and_load_alone(kind: str) -> None:
    loaded = libraries(imported_with(f"kinds.heads.{kind}.metrics"))
    assert not loaded & {"pyarrow", *SPEC, *ALL_HEAVY}


@pytest.mark.parametrize(
    "module", ["kinds.heads.classification.network", "kinds.inputs.sequence.network"]
)
def test_networks_need_tensorflow_and_keras_only_and_load_alone(module: str) -> None:
    never = {*BEAM, *TRANSFORM, *CONVERTING, "onnxruntime"}
    assert not libraries(imported_with(module)) & never


def test_the_trainer_reads_the_features_that_prepare_writes() -> None:
    spec = parse_spec(EVERY_HEAD)
    read = example_features(spec, ENTRIES)
    written = {
        name
        for kinds, parts in ((inputs_prepare, spec.inputs), (heads_prepare, spec.heads))
        for at, part in parts.items()
        for name in kinds.KINDS[part.kind].feature_names(at, part)
    }
    assert {*read.inputs, *read.targets} <= written
    assert all(name.endswith(".dropped") for name in written - {*read.inputs, *read.targets})
