"""Messages about a wrong spec: the place, the rule, what was received.

pydantic finds what is wrong and says it in Python's terms. The most common messages are put here in
the terms of docs/spec.md.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import ValidationError

from kinds.settings import Part
from pipeline.spec import Spec

# Of the types of pydantic's errors; its own words for all others.
_RULES = {
    "missing": "must be given",
    "union_tag_not_found": "must be given",
    "string_type": "must be text",
    "string_pattern_mismatch": "must be a name of letters, digits and _, and begin with no digit",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
}


def problems(error: ValidationError) -> list[str]:
    """The first five."""
    return [_problem(details) for details in error.errors(include_url=False)[:5]]


def _problem(details: Any) -> str:
    place, kind = _place(details["loc"]), details["type"]
    if kind.startswith("union_tag"):
        place = f"{place}.{details['ctx']['discriminator'].strip(chr(39))}"
    if kind == "union_tag_invalid":
        expected, given = details["ctx"]["expected_tags"], details["ctx"]["tag"]
        return f"{place}: must be one of {expected}. Received: {given!r}"
    rule = _RULES.get(kind) or details["msg"].removeprefix("Value error, ")
    rule = rule.replace("Input should be", "must be")
    if kind == "extra_forbidden":
        rule = "no such setting" + _meant(details["loc"])
    if kind in ("value_error", "missing"):
        return f"{place}: {rule}" if place else rule
    return f"{place}: {rule}. Received: {details['input']!r:.80}"


def _place(location: tuple[str | int, ...]) -> str:
    """The place as the person wrote it: without the union member that pydantic puts into it."""
    tag_at = {"inputs": 2, "heads": 2, "split": 1, "memory": 1}.get(
        str(location[0]) if location else ""
    )
    return ".".join(str(part) for at, part in enumerate(location) if at != tag_at)


def _meant(location: tuple[str | int, ...]) -> str:
    """
    >>> _meant(("inputs", "word", "category", "throug")), _meant(("training", "colour"))
    ("; there is 'through'", '')
    """
    *above, unknown = map(str, location)
    parts: list[type[Part]] = [Spec]
    for step in above:
        fields = [part.model_fields[step] for part in parts if step in part.model_fields]
        inside = [part for one in fields for part in _parts((one.annotation, *one.metadata))]
        parts = inside or [part for part in parts if step in _tags(part)] or parts
    near = get_close_matches(unknown, [name for part in parts for name in part.model_fields], n=1)
    return f"; there is {near[0]!r}" if near else ""


def _parts(kinds: Iterable[Any]) -> list[type[Part]]:
    """The parts of a spec within annotations."""
    found: list[type[Part]] = []
    for kind in kinds:
        is_part = isinstance(kind, type) and issubclass(kind, Part)
        found += [kind] if is_part else _parts(get_args(kind))
    return found


def _tags(part: type[Part]) -> tuple[Any, ...]:
    """The values of `kind` or `by` that choose this part."""
    fields = (part.model_fields.get(name) for name in ("kind", "by"))
    return tuple(tag for field in fields if field for tag in get_args(field.annotation))
