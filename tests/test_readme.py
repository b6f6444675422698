"""The documents tell the truth: tables of files, specs, commands, options and links."""

import ast
import importlib
import re
import shlex
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from architecture import FOLDERS, PACKAGES
from architecture import documents as tables
from documents import DOCUMENTS, PAGES, ROOT, blocks, commands, inline, module_of

from benchmarks import page as benchmarks_page
from pipeline import completion
from pipeline.command import WORDS
from pipeline.console.log_format import EVERYWHERE
from pipeline.spec.file import parse_spec

README = ROOT / "README.md"


@pytest.mark.parametrize("document", tables(), ids=lambda path: path.name)
def test_the_tables_of_folders_and_files_are_as_the_docstrings_are(document: Path) -> None:
    assert document.read_text(encoding="utf-8") == tables()[document], (
        "python -m tests.architecture"
    )


def test_every_folder_of_the_table_and_every_package_is_there() -> None:
    assert all((ROOT / name).is_dir() for name in FOLDERS)
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == set(PACKAGES)
    assert set(PACKAGES) <= set(FOLDERS)


def test_the_readme_is_short_and_every_page_is_linked_from_it() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    for page in (ROOT / "docs").glob("*.md"):
        assert f"](docs/{page.name})" in text


def test_the_spec_in_the_readme_is_a_part_of_the_demos() -> None:
    """All that is not about its size is the same there."""
    (short,) = map(parse_spec, blocks(README, "yaml"))
    demo = parse_spec((ROOT / "examples" / "next_identifier" / "spec.yaml").read_text())
    assert short.name == demo.name and set(short.vocabularies) <= set(demo.vocabularies)
    for part in ("inputs", "heads", "shared"):
        assert getattr(short, part).items() <= getattr(demo, part).items()
    assert (short.trunk, short.split) == (demo.trunk, demo.split)


def test_the_page_of_the_terminal_has_every_word_and_its_module() -> None:
    text = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
    lines = [f"| `{word}` | `python -m {module}` |" for word, module in WORDS.items()]
    assert [line for line in lines if line not in text] == []


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
    tests = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    for page in PAGES:
        # A module of CPython's own that the demo predicts.
        text = page.read_text(encoding="utf-8").replace("test_tools", "")
        for path in re.findall(rf"(?<![\w/.])(?:{places})/[\w/.-]*\.[a-z]\w+", text):
            assert (ROOT / path).exists(), f"{page.name}: {path}"
        assert set(re.findall(r"\btest_\w+", text)) <= tests, page.name
        for name in re.findall(rf"(?:{places})(?:\.\w+)+", " ".join(inline(page))):
            package, module = name.split(".")[:2]
            there = {path.stem for path in (ROOT / package).iterdir()}
            if package in PACKAGES:
                there |= {*getattr(importlib.import_module(package), "__all__", ())}
            assert module in there, name


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
    for code in (code for document in DOCUMENTS for code in blocks(document, "python")):
        modules: dict[str, ModuleType] = {}
        for node in ast.walk(ast.parse(code)):
            match node:
                case ast.Import(names):
                    ours = [name.name for name in names if name.name in PACKAGES]
                    modules |= {name: importlib.import_module(name) for name in ours}
                case ast.ImportFrom(str(module), names):
                    found = importlib.import_module(module)
                    assert all(hasattr(found, name.name) for name in names), code
                case ast.Attribute(ast.Name(name), attribute) if name in modules:
                    assert hasattr(modules[name], attribute), code
