"""The model folder, which export publishes: the file, its certificate and its card.

Standard library only: the scorer, which needs the file alone, uses this, too.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pipeline.folders.published import Folder, Within, read_json, write_json
from pipeline.manifest import MANIFEST, write_text

MODEL, CERTIFICATE = "model.onnx", "certificate.json"


@dataclass(frozen=True)
class ModelFolder(Folder):
    """OUT/model."""

    STAGE: ClassVar[str] = "model"

    model = Within(MODEL)

    def facts(self) -> Mapping[str, Any]:
        """What export noted; nothing where the file lies in a folder that it did not publish."""
        return self.manifest.facts if (self.path / MANIFEST).exists() else {}

    def write_model(self, path: str, content: bytes) -> str:
        """Writes the file, with its SHA-256 beside it, to a path in the folder; gives the hash."""
        file, sha256 = self.path / path, hashlib.sha256(content).hexdigest()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        write_text(sha256_beside(file), f"{sha256}  {file.name}\n")
        return sha256

    def certificate(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = read_json(self.path / CERTIFICATE)
        return found

    def write_certificate(self, certificate: Mapping[str, Any]) -> None:
        write_json(self.path / CERTIFICATE, certificate)

    def write_card(self, text: str) -> None:
        write_text(self.path / "README.md", text)


def sha256_beside(model: Path) -> Path:
    """The file that says which SHA-256 a model has."""
    return model.with_name(f"{model.name}.sha256")
