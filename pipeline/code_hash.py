"""Hash of a stage's own code: of the modules that make its result, and of all that they import.

Imports are read from the sources, those inside functions too; those for type checkers alone are
not. `answers("kinds.inputs", "prepare", ...)` and `settings("kinds.inputs", ...)` of kinds.answers
load a module of every kind by name, and so count as imports of these; `import_module(f"a.{b}s")`
counts as one of every module with such a name. Standard library only.
"""

import ast
import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

PACKAGES = ("kinds", "pipeline", "serving", "trainer")
ROOT = Path(__file__).parent.parent
# Of a source most nodes are these, and none of them holds an import.
_LEAVES = (ast.Name, ast.Constant, ast.expr_context, ast.operator, ast.cmpop, ast.boolop)


def code_hash(*entries: str, root: Path = ROOT) -> str:
    """SHA-256 of the sources behind the modules `entries`: their names and all of their text."""
    found = hashlib.sha256()
    for path in sources(*entries, root=root):
        content = path.read_bytes()
        found.update(f"{path.relative_to(root)} {len(content)}\n".encode())
        found.update(content)
    return found.hexdigest()


def sources(*entries: str, root: Path = ROOT) -> list[Path]:
    """The files of our own that are loaded with the modules `entries`, sooner or later.

    Raises ModuleNotFoundError for an entry that is no module of ours.
    """
    for name in entries:
        if not _own(name.split("."), root):
            raise ModuleNotFoundError(f"no module of ours: {name}")
    found: set[Path] = set()
    asked, waiting = set(entries), list(entries)
    while waiting:
        for path in _files(waiting.pop(), root):
            if path not in found:
                found.add(path)
                new = set(_imports(path, root)) - asked
                asked |= new
                waiting += sorted(new)
    return sorted(found)


def _files(name: str, root: Path) -> Iterator[Path]:
    """The file of each package on the way to `name`, and its own; the end may be no module."""
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        return
    for end in range(1, len(parts) + 1):
        yield from _own(parts[:end], root)


def _own(parts: Sequence[str], root: Path) -> list[Path]:
    """The file of a package or of a module, where there is one."""
    base = root.joinpath(*parts)
    return [path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()]


def _imports(path: Path, root: Path) -> Iterator[str]:
    """The names that a file imports, each with the packages around it."""
    package = ".".join(path.relative_to(root).parts[:-1])
    for node in _loading(path.read_bytes()):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: -node.level + 1 or None] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)
        else:
            yield from _loaded_by_name(node, root)


@cache
def _loading(source: bytes) -> tuple[ast.Import | ast.ImportFrom | ast.Call, ...]:
    """What may load modules in a source. Stages share most files, so it is kept."""
    kinds = ast.Import | ast.ImportFrom | ast.Call
    return tuple(node for node in _nodes(ast.parse(source)) if isinstance(node, kinds))


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING`."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
        else:
            waiting += (n for n in ast.iter_child_nodes(node) if not isinstance(n, _LEAVES))


def _loaded_by_name(call: ast.Call, root: Path) -> Iterator[str]:
    """What a call loads if it is one of kinds.answers or of import_module."""
    match call.func, call.args:
        case ast.Name("answers"), [ast.Constant(str(family)), ast.Constant(str(stage)), *_]:
            yield from (f"{family}.{kind}.{stage}" for kind in _kinds(family, root))
        case ast.Name("settings"), [ast.Constant(str(family)), *_]:
            yield from (f"{family}.{kind}.spec" for kind in _kinds(family, root))
        case ast.Name("import_module"), [ast.JoinedStr([ast.Constant(), *_] as parts), *_]:
            words = [part.value if isinstance(part, ast.Constant) else "*" for part in parts]
            pattern = "".join(map(str, words)).replace(".", "/")
            paths = root.glob(f"{pattern}.py")
            yield from (".".join(p.relative_to(root).with_suffix("").parts) for p in paths)


def _kinds(family: str, root: Path) -> tuple[str, ...]:
    """KINDS of a family's package."""
    tree = ast.parse(root.joinpath(*family.split("."), "__init__.py").read_bytes())
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "KINDS":
            return tuple(ast.literal_eval(node.value))
    raise ValueError(f"{family} must list its KINDS")
