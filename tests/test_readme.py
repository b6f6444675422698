"""The README tells the truth: its spec, its table of files, its commands and its links."""

import ast
import importlib
import re
import shlex
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
from documents import DOCUMENTS, PAGES, ROOT, blocks, commands, inline, module_of

from benchmarks import page as benchmarks_page
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
    return sorted(p for p in found if p.name != "__init__.py" or job(p))


def table_of_files() -> str:
    """A package stands there as its folder."""
    lines = ["| file | its job |", "|---|---|"]
    for path in files():
        name = str(path.relative_to(ROOT)).removesuffix("__init__.py")
        lines.append(f"| {name} | {job(path)} |")
    return "\n".join(lines)


def test_every_file_is_in_the_table_with_its_job() -> None:
    assert table_of_files() in README, f"put this into README.md:\n{table_of_files()}"


def test_the_spec_in_the_readme_is_the_demos() -> None:
    assert (ROOT / "examples" / "next_identifier" / "spec.yaml").read_text().strip() in README


def said() -> list[str]:
    """The commands of all pages, in blocks and within lines."""
    within = (code for page in PAGES for code in inline(page) if code.startswith("python -m "))
    return [*within, *(command for page in PAGES for command in commands(page))]


def modules(package: str = "") -> list[str]:
    """Our modules that the documents run, those of a package or all."""
    named = {module_of(command) or "" for command in said()}
    return sorted(m for m in named if m.startswith(package) and m.split(".")[0] in PACKAGES)


def options(words: Iterable[str]) -> set[str]:
    """The options among words that are ours: they have dashes. Those with an underscore, and these
    three, are Beam's; those with a point, and with an underscore again, are places of a spec."""
    found = {word.strip("[]").split("=")[0] for word in words if "--" in word}
    return {o for o in found if not {"_", "."} & set(o)} - {"--runner", "--project", "--region"}


@cache
def known(package: str) -> dict[str, set[str]]:
    """The options of each command of a package that the documents run."""
    helps = completion.asked(modules(package))
    return {m: set(re.findall(r"--[a-z][a-z-]*", t + EVERYWHERE)) for m, t in helps.items()}


def test_the_documents_have_the_commands_of_the_contract() -> None:
    assert {"pipeline.run", "trainer.task", "serving.export", "serving.score"} <= set(modules())


@pytest.mark.parametrize("package", sorted({module.split(".")[0] for module in modules()}))
def test_every_option_in_the_documents_is_one_that_the_command_has(package: str) -> None:
    for command in said():
        if (module := module_of(command) or "").startswith(package):
            assert options(shlex.split(command)) - known(package)[module] == set(), command


def test_an_option_without_its_command_is_one_that_some_command_has() -> None:
    packages = {module.split(".")[0] for module in modules()}
    every = {option for package in packages for o in known(package).values() for option in o}
    for page in PAGES:
        for code in inline(page):
            if code.startswith("--"):
                assert options(code.split()) - every == set(), f"{page.name}: {code}"


def test_what_the_documents_let_make_do_is_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.M))
    for command in (c for page in PAGES for c in [*inline(page), *commands(page)]):
        if command.startswith("make "):
            for word in command.split()[1:]:
                name, is_variable, _ = word.partition("=")
                assert f"$({name})" in makefile if is_variable else name in targets, command


def test_files_modules_and_tests_that_the_documents_name_are_there() -> None:
    places = "|".join([*PACKAGES, "tests", "docker"])
    tests = {path.stem for path in (ROOT / "tests").glob("test_*.py")}
    for page in PAGES:
        # A module of CPython's own that the demo predicts.
        text = page.read_text(encoding="utf-8").replace("test_tools", "")
        for path in re.findall(rf"(?<![\w/.])(?:{places})/[\w/.-]*\.[a-z]\w+", text):
            assert (ROOT / path).exists(), f"{page.name}: {path}"
        assert set(re.findall(r"\btest_\w+", text)) <= tests, page.name
        for name in re.findall(rf"(?:{places})(?:\.\w+)+", " ".join(inline(page))):
            of_module = Path(*name.split(".")[:2])
            assert any((ROOT / of_module.with_suffix(s)).exists() for s in ("", ".py")), name


def test_the_page_of_benchmarks_has_the_figures_of_their_files() -> None:
    there = benchmarks_page.PAGE.read_text(encoding="utf-8")
    assert there == benchmarks_page.page(benchmarks_page.HERE / "results"), (
        "python -m benchmarks.page"
    )
    for path in (benchmarks_page.HERE / "results").glob("*.json"):
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
