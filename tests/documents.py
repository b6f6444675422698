"""The fenced blocks of the documents."""

import re
from pathlib import Path


def blocks(document: Path, language: str) -> list[str]:
    """What stands between fences with this word behind the first one ("" for none)."""
    text = document.read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.S | re.M)
    return [body for word, body in fenced if word == language]
