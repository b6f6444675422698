"""YAML text to plain values, without YAML's surprises and at a bounded cost.

Unquoted words are text, except null, true, false and decimal numbers: `yes`, `no`, 2024-01-01,
12:30, 0017 and 1e5 stay text, and so does every key. Aliases, tags and directives are refused, and
so is a text that is deeper or longer than any spec, as soon as it gets there: the parser (libyaml,
in C) hands over one event at a time, and nothing is built from what follows.
"""

import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import yaml

# A spec nests five deep. One for 5,000 columns has some 55,000 keys and values.
MAX_DEPTH, MAX_VALUES = 100, 70_000

_WORDS = {"": None, "~": None} | {
    form(word): value
    for word, value in {"null": None, "true": True, "false": False}.items()
    for form in (str.lower, str.capitalize, str.upper)
}
# A longer one is text: Python takes long for its digits, or refuses them. So is 1e5, as YAML 1.1
# has it and writes it; a setting that is a number takes it all the same.
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9_]{0,30})")
_FRACTION = re.compile(r"[-+]?((0|[1-9][0-9_]{0,30})\.|\.[0-9])[0-9_]{0,30}([eE][-+][0-9]{1,3})?")
# libyaml holds every new directive against all that came before.
_DIRECTIVE = re.compile("^%", re.MULTILINE)


def load(text: str) -> Any:
    """The one document of a text: None, truth values, numbers, texts, lists and dictionaries.

    Raises ValueError with one line that names the place.

    >>> load("{epochs: 3, rate: 0.01, keys: [yes, 2024-01-01, '7'], weight: }")
    {'epochs': 3, 'rate': 0.01, 'keys': ['yes', '2024-01-01', '7'], 'weight': None}
    >>> load("name: a\\nname: b")
    Traceback (most recent call last):
    ValueError: the key 'name' is given twice at line 2, column 1
    """
    if found := _DIRECTIVE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise ValueError(f"directives are not allowed at line {line}, column 1")
    try:
        events = _checked(yaml.parse(text, Loader=yaml.CSafeLoader))
        next(events)
        if isinstance(next(events), yaml.StreamEndEvent):
            return None
        value = _value(next(events), events)
        next(events)
        if not isinstance(another := next(events), yaml.StreamEndEvent):
            raise _refused("there must be one document only", another)
    except yaml.YAMLError as error:
        raise ValueError(_told(error)) from None
    return value


def _checked(events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    """The events, up to the first that a spec may not have."""
    depth = values = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise _refused("aliases are not allowed", event)
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            values += 1
            depth += isinstance(event, yaml.CollectionStartEvent)
            if event.tag:
                raise _refused("tags are not allowed", event)
            if depth > MAX_DEPTH:
                raise _refused(f"lists and mappings nest at most {MAX_DEPTH} deep", event)
            if values > MAX_VALUES:
                raise _refused(f"there are at most {MAX_VALUES:,} keys and values", event)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        yield event


def _value(event: yaml.Event, events: Iterator[yaml.Event]) -> Any:
    if isinstance(event, yaml.ScalarEvent):
        is_bare = event.implicit[0]
        return _scalar(event.value) if is_bare else event.value
    inside = takewhile(lambda one: not isinstance(one, yaml.CollectionEndEvent), events)
    if isinstance(event, yaml.SequenceStartEvent):
        return [_value(one, events) for one in inside]
    found: dict[str, Any] = {}
    for key in inside:
        if not isinstance(key, yaml.ScalarEvent):
            raise _refused("a key must be text", key)
        if key.value in found:
            raise _refused(f"the key {key.value!r:.80} is given twice", key)
        found[key.value] = _value(next(events), events)
    return found


def _scalar(text: str) -> Any:
    """
    >>> [_scalar(text) for text in ("25_000", "-.5", "Null", "0017", "12:30", "off")]
    [25000, -0.5, None, '0017', '12:30', 'off']
    """
    if text in _WORDS:
        return _WORDS[text]
    for kind, pattern in ((int, _WHOLE), (float, _FRACTION)):
        if pattern.fullmatch(text):
            return kind(text.replace("_", ""))
    return text


def _refused(rule: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    place: Any = event.start_mark
    return yaml.MarkedYAMLError(problem=rule, problem_mark=place)


def _told(error: yaml.YAMLError) -> str:
    if not isinstance(error, yaml.MarkedYAMLError):
        return " ".join(str(error).split())
    said = f"{error.problem}{_place(error.problem_mark)}"
    return f"{said}, {error.context}{_place(error.context_mark)}" if error.context else said


def _place(mark: yaml.error.Mark | None) -> str:
    return f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
