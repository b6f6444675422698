"""A spec from YAML text: without YAML's surprises, refused with one line that names the place."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipeline import stores
from pipeline.failures import Exit, Failure
from pipeline.spec import Spec

MAX_SPEC_BYTES = 1_000_000
# A spec nests five deep. PyYAML looks at every open bracket again for each new one.
_MAX_DEPTH = 100
_BRACKET = re.compile(r"[\[\]{}]")


class _Loader(yaml.SafeLoader):
    """YAML without its surprises: no aliases (they make bombs), no key given twice, and `yes`,
    `no`, `on`, `off`, `y` and `n` are words, not truth values."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value!r} is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [r for r in resolvers if first not in "yYnNoO" or not r[0].endswith(":bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_spec(path: Path | str, *, settings: Sequence[str] = ()) -> Spec:
    """Reads a spec from YAML or JSON (JSON is YAML), here or in a store, changed by `settings`
    (see `parse_spec`). Raises Failure with exit code 2 or 5."""
    try:
        with stores.reader(str(path)) as file:
            content = file.read(MAX_SPEC_BYTES + 1)
    except FileNotFoundError:
        raise Failure(Exit.USAGE, "the spec must be a file that exists", received=path) from None
    if len(content) > MAX_SPEC_BYTES:
        raise Failure(Exit.USAGE, f"a spec has at most {MAX_SPEC_BYTES:,} bytes", received=path)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise Failure(Exit.USAGE, "the spec must be UTF-8 text", received=path) from None
    return parse_spec(text, source=str(path), settings=settings)


def parse_spec(text: str, *, source: str = "spec", settings: Sequence[str] = ()) -> Spec:
    """Makes a Spec of YAML text; a wrong one is a Failure that names the place.

    Each of the `settings` is a place and its value, as in `training.batch_size=512`. The spec is
    checked with them in it.

    >>> parse_spec("name: n\\ninputs: {x: {kind: number}}\\nsplit: {by: hash, columns: [x]}")
    Traceback (most recent call last):
    pipeline.failures.Failure: spec: heads: Field required
    """
    if _depth(text) > _MAX_DEPTH:
        raise Failure(Exit.USAGE, f"{source}: brackets must nest at most {_MAX_DEPTH} deep")
    try:
        said = yaml.load(text, Loader=_Loader)  # a SafeLoader made stricter
    except (yaml.YAMLError, RecursionError) as error:
        raise Failure(Exit.USAGE, f"{source}: not readable as YAML: {_one_line(error)}") from None
    if not isinstance(said, dict):
        raise Failure(Exit.USAGE, f"{source}: must be a mapping", received=type(said).__name__)
    for setting in settings:
        _change(said, setting)
    try:
        return Spec.model_validate(said)
    except ValidationError as error:
        problems = [_problem(details) for details in error.errors()]
        raise Failure(Exit.USAGE, f"{source}: " + ". Also: ".join(problems[:5])) from None


def _depth(text: str) -> int:
    """How deep brackets nest, those in quotes and comments among them; at most one more than is
    allowed.

    >>> _depth("a: [{b: []}, {}]")
    3
    """
    depth = most = 0
    for bracket in _BRACKET.finditer(text):
        depth = depth + 1 if bracket[0] in "[{" else max(depth - 1, 0)
        most = max(most, depth)
        if most > _MAX_DEPTH:
            break
    return most


def add_set(parser: argparse.ArgumentParser) -> None:
    """The option `--set`, whose values are the `settings` of a spec."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PLACE=VALUE",
        help="another value for a place of the spec, such as training.batch_size=512",
    )


def _change(said: dict[str, Any], setting: str) -> None:
    """
    >>> said = {"training": {"epochs": 3}}
    >>> _change(said, "training.epochs=5"); _change(said, "trunk.layers=[8, 4]"); said
    {'training': {'epochs': 5}, 'trunk': {'layers': [8, 4]}}
    """
    place, equals, value = setting.partition("=")
    *above, last = place.split(".")
    node: Any = said
    try:
        for name in above:
            if node.get(name) is None:
                node[name] = {}
            node = node[name]
        if not (equals and last and isinstance(node, dict)):
            raise TypeError
        node[last] = yaml.load(value, Loader=_Loader)  # a SafeLoader made stricter
    except (AttributeError, TypeError, yaml.YAMLError):
        rule = "a setting is PLACE=VALUE, with a place of the spec such as training.batch_size=512"
        raise Failure(Exit.USAGE, rule, received=setting) from None


def _problem(details: Any) -> str:
    place = _place(details["loc"])
    if details["type"] == "union_tag_invalid":
        tag = details["ctx"]["discriminator"].strip("'")
        expected, given = details["ctx"]["expected_tags"], details["ctx"]["tag"]
        return f"{place}.{tag}: must be one of {expected}. Received: {given!r}"
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        message = "no such setting"
    if details["type"] in ("value_error", "missing"):
        return f"{place}: {message}" if place else message
    return f"{place}: {message}. Received: {details['input']!r:.80}"


def _place(location: tuple[str | int, ...]) -> str:
    """The place as the person wrote it: without the union member that pydantic puts into it."""
    tag_at = {"inputs": 2, "heads": 2, "split": 1}.get(str(location[0]) if location else "")
    return ".".join(str(part) for at, part in enumerate(location) if at != tag_at)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
