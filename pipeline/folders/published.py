"""A folder that a stage publishes, and the JSON files that lie in one."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

from pipeline import manifest
from pipeline.failures import Exit, Failure
from pipeline.manifest import Manifest
from pipeline.storage import stores


class Within:
    """The path of a name within a folder."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, folder: Any, _: type) -> Path:
        return Path(folder.path, self.name)


@dataclass(frozen=True)
class Folder:
    """A stage's folder: the published one, or the staging folder where its files are written."""

    path: Path
    STAGE: ClassVar[str]

    @cached_property
    def manifest(self) -> Manifest:
        """Raises Failure: 2 where the folder is not published, 5 where its manifest is damaged."""
        return manifest.read_manifest(self.path, stage=self.STAGE)

    def verified(self) -> Self:
        """The folder itself, after every file was checked. Raises Failure as `manifest` does, and
        5 where a file is missing or differs from the manifest."""
        vars(self)["manifest"] = manifest.verify(self.path, stage=self.STAGE)
        return self

    def is_done(self, made_from: str, *, force: bool) -> bool:
        """Whether it was made from the same before (see pipeline.manifest.is_done)."""
        return manifest.is_done(self.path, stage=self.STAGE, made_from=made_from, force=force)

    def publish(self, made_from: str, facts: dict[str, Any]) -> Manifest:
        """Publishes what lies in its staging folder."""
        return manifest.publish(self.path, stage=self.STAGE, made_from=made_from, facts=facts)


def read_json(path: Path | str) -> Any:
    """A file here or in a store. Raises Failure 5 where it is no JSON."""
    with stores.reader(str(path)) as file:
        try:
            return json.loads(file.read())
        except ValueError:
            raise Failure(Exit.INTEGRITY, "the file must be JSON", received=path) from None


def read_json_lines(path: Path) -> list[Any]:
    """One value a line. Only a line feed ends a line: a text may hold any other line end."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def write_json(path: Path, content: Any) -> None:
    manifest.write_text(path, json.dumps(content, indent=2) + "\n")
