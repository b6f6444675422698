"""Counts the product's files that name a kind though they are outside the kinds' folders.

    python -m tests.kinds_check

prints each such place, and ends with one line of JSON: how many files there are, and how many files
each kind touched that was added to a finished house (`quantile`, `flag`), by its commit.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from kinds import heads, inputs
from kinds.heads import spec as head_settings
from kinds.inputs import spec as input_settings

ROOT = Path(__file__).parent.parent
PACKAGES = ("pipeline", "trainer", "serving", "examples")
CLASSES = {part.__name__ for part in (*head_settings.CLASSES, *input_settings.CLASSES)}
FAMILIES = [set(inputs.KINDS), set(heads.KINDS)]
MODULES = re.compile(rf"^kinds\.(inputs|heads)\.({'|'.join((*inputs.KINDS, *heads.KINDS))})\b")
IN_TEXT = re.compile(r"kind\s*(?:===?|!==?|in|not in)\s*[(\[]?[\"'](\w+)[\"']")
ADDED = {"quantile": "kinds/heads/quantile", "flag": "kinds/inputs/flag"}


def places() -> Iterator[tuple[str, int, str]]:
    """(file, line, what names a kind there)."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            if "node_modules" in path.parts or not path.is_file():
                continue
            name = str(path.relative_to(ROOT))
            if path.suffix == ".py":
                for line, text in in_python(path.read_text(encoding="utf-8")):
                    yield name, line, text
            elif path.suffix in (".js", ".html"):
                for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                    if found := IN_TEXT.search(text):
                        yield name, line, found[0]


def in_python(source: str) -> Iterator[tuple[int, str]]:
    """Imports of a kind's module, the class of its settings, and its name where kinds are told
    apart: beside `.kind`, as a case, or in a collection with another of its family.

    >>> list(in_python('if head.kind == "binary": pass'))
    [(1, "'binary'")]
    >>> list(in_python('ways = {"regression": 1, "count": 2}'))
    [(1, "'regression', 'count'")]
    >>> list(in_python('names = ["value", "count"]'))
    []
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and MODULES.match(node.module or ""):
            yield node.lineno, str(node.module)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, a.name) for a in node.names if MODULES.match(a.name))
        elif isinstance(node, ast.Name) and node.id in CLASSES - {"Sequence", "Number", "Text"}:
            yield node.lineno, node.id
        elif (isinstance(node, ast.Compare) and _asks_kind(node)) or isinstance(
            node, ast.MatchValue
        ):
            yield from ((node.lineno, repr(text)) for text in _names(node))
        elif isinstance(node, ast.Dict | ast.Set | ast.Tuple | ast.List):
            yield from _in_collection(node)


def _asks_kind(node: ast.AST) -> bool:
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    return any(
        (isinstance(side, ast.Attribute) and side.attr == "kind")
        or (isinstance(side, ast.Name) and side.id == "kind")
        for side in sides
    )


def _in_collection(node: ast.Dict | ast.Set | ast.Tuple | ast.List) -> Iterator[tuple[int, str]]:
    parts = node.keys if isinstance(node, ast.Dict) else node.elts
    texts = [p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str)]
    for family in FAMILIES:
        named = [text for text in texts if text in family]
        if len(named) > 1:
            yield node.lineno, ", ".join(map(repr, named))


def _names(node: ast.AST) -> Iterator[str]:
    every = FAMILIES[0] | FAMILIES[1]
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and part.value in every:
            yield str(part.value)


def files_touched(folder: str) -> list[str]:
    """The files of the commit that brought a kind's folder; none where there is no such commit."""
    log = ["git", "log", "--diff-filter=A", "--format=%H", "--", f"{folder}/spec.py"]
    commits = subprocess.run(log, cwd=ROOT, capture_output=True, text=True).stdout.split()
    if not commits:
        return []
    show = ["git", "show", "--name-only", "--format=", commits[-1]]
    return subprocess.run(show, cwd=ROOT, capture_output=True, text=True).stdout.split()


def main() -> int:
    found = list(places())
    for file, line, text in found:
        print(f"{file}:{line}: {text}")
    touched = {}
    for kind, folder in ADDED.items():
        files = files_touched(folder)
        own = [file for file in files if file.startswith(f"{folder}/")]
        others = [file for file in files if not file.startswith(f"{folder}/")]
        print(f"{kind}: {len(own)} files in {folder}, and {', '.join(others) or 'no other'}")
        touched[kind] = {"own": len(own), "others": len(others)}
    files_naming = len({file for file, _, _ in found})
    print(json.dumps({"check": "kinds", "files_naming_a_kind": files_naming, "added": touched}))
    return files_naming


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
