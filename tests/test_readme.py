"""The README tells the truth: its spec, its table of files, its commands and its links."""

import ast
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from documents import blocks

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGES = ("pipeline", "trainer", "serving", "examples", "benchmarks")
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def job(path: Path) -> str:
    """The first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    sentence = " ".join(text.split("\n\n")[0].split()).split(". ")[0]
    return sentence.rstrip(".:").replace("|", "\\|")


def files() -> list[Path]:
    found = [p for package in PACKAGES for p in (ROOT / package).rglob("*.py")]
    return sorted(p for p in found if p.name != "__init__.py")


def table_of_files() -> str:
    lines = ["| file | its job |", "|---|---|"]
    lines += [f"| {path.relative_to(ROOT)} | {job(path)} |" for path in files()]
    return "\n".join(lines)


def test_every_file_is_in_the_table_with_its_job() -> None:
    assert table_of_files() in README, f"put this into README.md:\n{table_of_files()}"


def test_the_spec_in_the_readme_is_the_demos() -> None:
    assert (ROOT / "examples" / "next_identifier" / "spec.yaml").read_text().strip() in README


def commands() -> list[list[str]]:
    """Every `python -m` line of the documents, continued lines joined."""
    found = []
    for document in DOCUMENTS:
        for block in blocks(document, ""):
            joined = re.sub(r" *\\?\n {4,}", " ", block)
            found += [
                shlex.split(line) for line in joined.splitlines() if line.startswith("python -m")
            ]
    return found


def modules() -> set[str]:
    return {line[line.index("-m") + 1] for line in commands()}


def test_the_documents_have_the_commands_of_the_contract() -> None:
    stages = {"pipeline.run", "trainer.task", "serving.export", "serving.score"}
    assert stages <= modules()


@pytest.mark.parametrize("module", sorted(modules()))
def test_every_option_in_the_documents_is_one_that_the_command_has(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for line in commands():
        if module in line:
            options = {word.strip("[]").split("=")[0] for word in line if "--" in word}
            # Ours have dashes; those with an underscore, and these three, are Beam's.
            ours = {o for o in options if "_" not in o} - {"--runner", "--project", "--region"}
            assert {o for o in ours if o not in done.stdout} == set(), line


def test_every_link_leads_to_a_file() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_python_in_the_documents_imports_what_there_is() -> None:
    for document in DOCUMENTS:
        for block in blocks(document, "python"):
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom) and node.module:
                    module = importlib.import_module(node.module)
                    assert all(hasattr(module, name.name) for name in node.names)
