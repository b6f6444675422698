"""The README tells the truth: its spec, its table of files, its commands and its links."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest
from documents import DOCUMENTS, ROOT, blocks, commands, module_of

from benchmarks import page
from pipeline import completion
from pipeline.log_format import EVERYWHERE

README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGES = ("pipeline", "trainer", "serving", "examples", "benchmarks")


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


def modules(package: str = "") -> list[str]:
    """The modules of a package that the documents run."""
    said = {module_of(command) or "" for document in DOCUMENTS for command in commands(document)}
    return sorted(module for module in said if module.startswith(package) and module)


def test_the_documents_have_the_commands_of_the_contract() -> None:
    assert {"pipeline.run", "trainer.task", "serving.export", "serving.score"} <= set(modules())


@pytest.mark.parametrize("package", sorted({module.split(".")[0] for module in modules()}))
def test_every_option_in_the_documents_is_one_that_the_command_has(package: str) -> None:
    helps = completion.asked(modules(package))
    for command in (command for document in DOCUMENTS for command in commands(document)):
        if (module := module_of(command)) in helps:
            words = shlex.split(command)
            options = {word.strip("[]").split("=")[0] for word in words if "--" in word}
            # Ours have dashes; those with an underscore, and these three, are Beam's.
            ours = {o for o in options if "_" not in o} - {"--runner", "--project", "--region"}
            known = helps[module] + EVERYWHERE
            assert {option for option in ours if option not in known} == set(), command


def test_the_page_of_benchmarks_has_the_figures_of_their_files() -> None:
    there = page.PAGE.read_text(encoding="utf-8")
    assert there == page.page(page.HERE / "results"), "python -m benchmarks.page"
    for path in (page.HERE / "results").glob("*.json"):
        assert f"(../benchmarks/results/{path.name})" in there


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
