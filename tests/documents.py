"""The fenced blocks of the documents, the code within their lines, and the commands in both."""

import re
import shlex
from pathlib import Path

from pipeline.command import WORDS

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
# Those, and the pages whose commands are about working on the code: no test runs them.
PAGES = [*DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
# What a fence says of anything but commands; commands stand behind a bare one.
OTHERS = {"csv", "json", "python", "sql", "text", "yaml"}


def blocks(document: Path, language: str) -> list[str]:
    """What stands between fences with this word behind the first one ("" for none)."""
    return [body for word, body in fenced(document) if word == language]


def fenced(document: Path) -> list[tuple[str, str]]:
    """(the word behind the first fence, what follows up to the second) of each block."""
    text = document.read_text(encoding="utf-8")
    return re.findall(r"^```([^\n]*)\n(.*?)^```$", text, re.S | re.M)


def commands(document: Path) -> list[str]:
    """The shell commands of a document, continued lines joined, without comments."""
    lines = "".join(blocks(document, "")).replace("\\\n", " ").splitlines()
    return [line.partition("  #")[0].strip() for line in lines if line.strip()]


def inline(document: Path) -> list[str]:
    """The code within the lines of a document, each piece as one line."""
    text = document.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)
    return [" ".join(piece.split()) for piece in re.findall(r"`([^`]+)`", prose)]


def module_of(command: str) -> str | None:
    """
    >>> module_of("python -m serving.ask --model model.onnx"), module_of("shared-weights ask")
    ('serving.ask', 'serving.ask')
    """
    words = shlex.split(command)
    if words[:1] == ["shared-weights"]:
        return WORDS[words[1]]
    return words[words.index("-m") + 1] if "-m" in words else None
