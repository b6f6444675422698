"""A spec from YAML text, refused with one line that names the place."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline import stores
from pipeline.failures import Exit, Failure
from pipeline.spec import Spec
from pipeline.spec.plain_yaml import load

MAX_SPEC_BYTES = 1_000_000


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
    try:
        said = load(text)
    except ValueError as error:
        raise Failure(Exit.USAGE, f"{source}: not readable as YAML: {error}") from None
    if not isinstance(said, dict):
        raise Failure(Exit.USAGE, f"{source}: must be a mapping", received=type(said).__name__)
    for setting in settings:
        _change(said, setting)
    try:
        return Spec.model_validate(said)
    except ValidationError as error:
        problems = [_problem(details) for details in error.errors(include_url=False)[:5]]
        raise Failure(Exit.USAGE, f"{source}: " + ". Also: ".join(problems)) from None


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
        node[last] = load(value)
    except (AttributeError, TypeError, ValueError):
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
