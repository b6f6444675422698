"""Hooks of the whole suite: how tests are loaded, and which files take longest."""

import gc
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHOWN = 15
# The files that take longest begin first: else one process would be left with one of them while the
# other has nothing to do.
LONGEST = (
    "tests/test_memories_end_to_end.py",
    "tests/test_documents.py",
    "tests/trainer/test_workers.py",
    "tests/trainer/test_train_memory.py",
    "tests/trainer/test_phases.py",
    "tests/trainer/test_trials.py",
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What the tests import stays to the end: no search for cycles needs to look at it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    longest = {ROOT / file for file in LONGEST}
    items.sort(key=lambda item: item.path not in longest)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The slowest files, each with what it is, which says why it takes long."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    seconds: defaultdict[str, float] = defaultdict(float)
    for report in reports:
        if isinstance(report, pytest.TestReport):
            seconds[report.nodeid.partition("::")[0]] += report.duration
    if len(seconds) > SHOWN:
        terminalreporter.section(f"{SHOWN} slowest files, in seconds of one process")
        for file in sorted(seconds, key=seconds.__getitem__, reverse=True)[:SHOWN]:
            said = first_line(ROOT / file)
            terminalreporter.write_line(f"{seconds[file]:6.1f}  {file}: {said}")


def first_line(file: Path) -> str:
    """The first line of a module's docstring."""
    return file.read_text(encoding="utf-8").partition("\n")[0].strip('"')
