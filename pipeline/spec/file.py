"""A spec from YAML text, refused with one line that names the place."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.failures import Exit, Failure
from pipeline.spec import Spec
from pipeline.spec.plain_yaml import load
from pipeline.spec.problems import problems
from pipeline.storage import stores

MAX_SPEC_BYTES = 1_000_000


def read_spec(path: Path | str, *, settings: Sequence[str] = ()) -> Spec:
    """Reads a spec from YAML or JSON (JSON is YAML), here or in a store, changed by `settings`
    (see `parse_spec`). Raises Failure with exit code 2 or 5."""
    try:
        with stores.reader(str(path)) as file:
            content = file.read(MAX_SPEC_BYTES + 1)
    except (FileNotFoundError, IsADirectoryError):
        raise Failure(Exit.USAGE, "the spec must be a file that exists", received=path) from None
    if len(content) > MAX_SPEC_BYTES:
        raise Failure(Exit.USAGE, f"a spec has at most {MAX_SPEC_BYTES:,} bytes", received=path)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise Failure(Exit.USAGE, "the spec must be UTF-8 text", received=path) from None
    return parse_spec(text, source=str(path), settings=settings)


def parse_spec(text: str, *, source: str = "spec", settings: Sequence[str] = ()) -> Spec:
    """A Spec from YAML text; a wrong one raises a Failure that names the place.

    Each of the `settings` is a place and its new value, as in `training.batch_size=512`. The spec
    is checked after these changes.

    >>> parse_spec("name: n\\ninputs: {x: {kind: number}}\\nsplit: {by: hash, columns: [x]}")
    Traceback (most recent call last):
    pipeline.failures.Failure: spec: heads: must be given
    """
    try:
        said = load(text)
    except ValueError as error:
        raise Failure(Exit.USAGE, f"{source}: not readable as YAML: {error}") from None
    if not isinstance(said, dict):
        rule = f"{source}: must be a mapping of settings"
        raise Failure(Exit.USAGE, rule, received=f"{said!r:.80}" if text.strip() else "nothing")
    if settings and said.get("training", "auto") == "auto":
        said["training"] = {"auto": True}
    for setting in settings:
        _change(said, setting)
    try:
        return Spec.model_validate(said)
    except ValidationError as error:
        raise Failure(Exit.USAGE, f"{source}: " + ". Also: ".join(problems(error))) from None


def add_set(parser: argparse.ArgumentParser) -> None:
    """The option `--set`, whose values are the `settings` of a spec."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PLACE=VALUE",
        help="change a value of the spec: training.batch_size=512",
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
