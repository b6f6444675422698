"""The tables of folders in README.md and of files in docs/architecture.md, from the docstrings.

    python -m tests.architecture

writes both again. A file's job is the first sentence of its docstring.
"""

import ast
import re
from pathlib import Path

from pipeline.command import first_sentence

ROOT = Path(__file__).parents[1]
README, ARCHITECTURE = ROOT / "README.md", ROOT / "docs" / "architecture.md"
PACKAGES = ("kinds", "pipeline", "trainer", "serving", "examples", "benchmarks")
# The rows of README's table; those that are no packages have no docstring to say what they hold.
FOLDERS = {
    "kinds": "",
    "kinds/columns": "",
    "kinds/inputs": "",
    "kinds/heads": "",
    "pipeline": "",
    "pipeline/spec": "",
    "pipeline/rows": "",
    "pipeline/preparing": "",
    "trainer": "",
    "serving": "",
    "examples": "",
    "benchmarks": "",
    "docs": "The pages linked above, with their pictures",
    "tests": "`test_<module>.py` for each module, in folders as the code's, and what they share",
    "docker": "Images of the trainer, the scorer and Dataflow's workers",
    "requirements": "Locks with hashes for every supported Python, made by `make lock`",
}


def job(path: Path) -> str:
    """The first sentence of a module's docstring, as a cell of a table."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return first_sentence(docstring).replace("|", "\\|")


def folders() -> str:
    rows = {name: said or job(ROOT / name / "__init__.py") for name, said in FOLDERS.items()}
    return table("folder", {f"[{name}]({name})": said for name, said in rows.items()})


def files() -> str:
    """A table for each package. A package within it stands there as its folder."""
    return "\n".join(f"### {name}\n\n{table('file', jobs(name))}" for name in PACKAGES)


def jobs(package: str) -> dict[str, str]:
    found = {path: job(path) for path in sorted((ROOT / package).rglob("*.py"))}
    return {
        str(path.relative_to(ROOT)).removesuffix("__init__.py"): said
        for path, said in found.items()
        if said or path.name != "__init__.py"
    }


def table(title: str, rows: dict[str, str]) -> str:
    lines = [f"| {name} | {said} |\n" for name, said in rows.items()]
    return "".join([f"| {title} | what it is |\n|---|---|\n", *lines])


def documents() -> dict[Path, str]:
    """Each document as it should be: all but the section with the table is kept."""
    return {
        README: with_section(README, "Folders", folders()),
        ARCHITECTURE: with_section(ARCHITECTURE, "Every file", files()),
    }


def with_section(document: Path, title: str, content: str) -> str:
    """The document with what stands between the first table of a section and the next section of
    its level, or the end, made new."""
    before, heading, section = document.read_text(encoding="utf-8").partition(f"\n## {title}\n")
    prose = re.split(r"^(?=\||### )", section, maxsplit=1, flags=re.M)[0]
    after = re.search(r"^## ", section, re.M)
    rest = "\n" + section[after.start() :] if after else ""
    return before + heading + prose + content + rest


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
