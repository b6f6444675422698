"""The kinds' modules for a stage, each checked to answer all of the stage's questions.

A question is a function of a Protocol. The answer is a function with the same name and parameters
in the kind's module for that stage. A missing answer ends the import: a kind is complete, or the
program does not start. Standard library only.
"""

import inspect
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar, cast

Questions = TypeVar("Questions")
Settings = TypeVar("Settings")


def answers(
    family: ModuleType | str, stage: str, questions: type[Questions]
) -> dict[str, Questions]:
    """{kind: its module of the stage}, for all kinds of a family such as `kinds.inputs`.

    Raises TypeError where a module lacks an answer or takes other parameters.
    """
    package = import_module(family) if isinstance(family, str) else family
    found = {}
    for kind in package.KINDS:
        module = import_module(f"{package.__name__}.{kind}.{stage}")
        check(module, questions)
        found[kind] = cast(Questions, module)
    return found


def check(module: ModuleType, questions: type[Any]) -> None:
    """Raises TypeError with the first question that the module does not answer as asked."""
    for name, question in asked(questions).items():
        answer = getattr(module, name, None)
        if not callable(answer):
            raise TypeError(f"{module.__name__} must have {name}{inspect.signature(question)}")
        wanted, given = _parameters(question), _parameters(answer)
        if wanted[1:] != given:
            raise TypeError(f"{module.__name__}.{name} must take {wanted[1:]}. Received: {given}")


def asked(questions: type[Any]) -> Mapping[str, Any]:
    """The functions of a Protocol, by name."""
    return {n: f for n, f in vars(questions).items() if inspect.isfunction(f) and n[0] != "_"}


def _parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def settings(family: str, kinds: Sequence[str], part: type[Settings]) -> list[type[Settings]]:
    """The class of settings in each kind's `spec`: the one whose `kind` is called so.

    Raises TypeError where a module has none, or it does not answer what `part` asks.
    """
    found = []
    for kind in kinds:
        module = import_module(f"{family}.{kind}.spec")
        own = [one for one in vars(module).values() if _is_settings(one, part, module.__name__)]
        if len(own) != 1 or own[0].model_fields["kind"].default != kind:
            raise TypeError(f"{module.__name__} must have one class of settings, of kind {kind!r}")
        if lacking := sorted(own[0].__abstractmethods__):
            raise TypeError(f"{module.__name__} must answer {lacking[0]}")
        found.append(own[0])
    return found


def _is_settings(one: Any, part: type[Any], module: str) -> bool:
    return isinstance(one, type) and issubclass(one, part) and one.__module__ == module
