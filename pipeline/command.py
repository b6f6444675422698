"""The console command: `shared-weights WORD ...` is `python -m MODULE ...` under a shorter name.

Only the module of the word that was given is imported.
"""

import argparse
import ast
import importlib
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from pipeline import __version__
from pipeline.failures import main

WORDS = {
    "run": "pipeline.run",
    "prepare": "pipeline.prepare",
    "train": "trainer.task",
    "export": "serving.export",
    "score": "serving.score",
    "update": "pipeline.update",
    "versions": "pipeline.versions",
    "forget": "pipeline.forget",
    "compare": "serving.compare",
    "folds": "pipeline.folds",
    "report": "serving.report",
    "history": "serving.history",
    "ask": "serving.ask",
    "page": "serving.page",
    "neighbours": "serving.neighbours",
    "vectors": "serving.vectors",
    "beam": "serving.beam",
    "sign": "serving.sign",
    "search": "trainer.search",
    "drift": "pipeline.drift",
    "vocabulary": "pipeline.vocabulary",
    "doctor": "pipeline.doctor",
    "completion": "pipeline.completion",
}


def console() -> NoReturn:
    """The console script. Exit codes and options are those of the word's module."""
    if sys.argv[1:2] and sys.argv[1] in WORDS:
        module = WORDS[sys.argv.pop(1)]
        main(importlib.import_module(module).run)
    main(run)


def run(arguments: Sequence[str]) -> None:
    """What the console command does where it is given no word: it says which there are."""
    parser = argparse.ArgumentParser(
        prog="shared-weights",
        usage="shared-weights WORD ... [--help]",
        description="Raw rows to one ONNX file that scores new rows anywhere.",
        epilog="words:\n" + "\n".join(f"  {word:<12}{job(m)}" for word, m in WORDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("word", choices=WORDS, metavar="WORD", help="what to do (below)")
    parser.parse_args(arguments)


def job(module: str) -> str:
    """The first sentence of a module's docstring, read without importing the module."""
    found = find_spec(module)
    text = Path(found.origin).read_text(encoding="utf-8") if found and found.origin else ""
    return first_sentence(ast.get_docstring(ast.parse(text)) or "")


def first_sentence(docstring: str) -> str:
    """
    >>> first_sentence("Scores files of raw rows: `python -m serving.score ...`. More\\n\\nto say.")
    'Scores files of raw rows'
    """
    sentence = " ".join(docstring.split("\n\n")[0].split()).partition(": `python -m ")[0]
    return sentence.split(". ")[0].rstrip(".:")
