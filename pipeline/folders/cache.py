"""The folder of a cache: the names of its files, which hold what was found in files of rows.

A name begins with a hash of the content that the findings are of, so that they can be told by it.
"""

from pathlib import Path

from pipeline.manifest import combined_hash

SUFFIX = ".found"


def file_name(content: str, key: str) -> str:
    """The name for what was found in a content, given a hash of all else that it depends on."""
    return f"{_begin(content)}{key}{SUFFIX}"


def drop(folder: Path, content: str) -> int:
    """Deletes all that was found in a content, in a folder or below it, and says how many files
    that were."""
    found = list(folder.rglob(f"{_begin(content)}*{SUFFIX}"))
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _begin(content: str) -> str:
    return f"{combined_hash([content])[:32]}-"
