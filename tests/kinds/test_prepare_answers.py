"""Each kind answers all that prepare asks."""

from types import ModuleType
from typing import Any

import pytest

from kinds import heads, inputs
from kinds.answers import asked, check
from kinds.graph import Graph
from kinds.heads import graph as heads_graph
from kinds.heads import prepare as heads_prepare
from kinds.inputs import graph as inputs_graph
from kinds.inputs import prepare as inputs_prepare
from kinds.prepare import Prepare

FAMILIES = [
    (inputs, inputs_prepare, Prepare),
    (inputs, inputs_graph, Graph),
    (heads, heads_prepare, Prepare),
    (heads, heads_graph, Graph),
]


@pytest.mark.parametrize(("family", "stage", "questions"), FAMILIES)
def test_every_kind_answers_every_question(family: Any, stage: Any, questions: type[Any]) -> None:
    assert tuple(stage.KINDS) == family.KINDS
    for kind, module in stage.KINDS.items():
        assert module.__name__.split(".")[-2] == kind
        check(module, questions)


@pytest.mark.parametrize("question", [*asked(Prepare)])
def test_a_kind_without_an_answer_is_refused(question: str) -> None:
    kind = ModuleType("half_a_kind")
    answers = vars(inputs_prepare.KINDS["number"])
    vars(kind).update({name: answers[name] for name in asked(Prepare) if name != question})
    with pytest.raises(TypeError, match=f"half_a_kind must have {question}"):
        check(kind, Prepare)
