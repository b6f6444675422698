"""Places where a file is to run: the versions it is stamped with, and what lies around it.

default    opset 18, IR 10: onnxruntime from 1.18 (May 2024) on; 1.17 does not know IR 10. Opset 20
           where an input is split by the file, which 1.18 reads too: it goes up to opset 21
bigquery   opset 17, IR 8, at most 450 MB: what BigQuery ML imports, with onnxruntime 1.12
triton     the default file in a model repository: NAME/config.pbtxt, NAME/1/model.onnx
"""

from dataclasses import dataclass

from kinds.tensors import IR_VERSION, MOST_BYTES, NEWEST_OPSET, OPSET
from pipeline.folders.model import MODEL


@dataclass(frozen=True)
class Profile:
    """`opset` is what a file is stamped with, up to `newest_opset` where an operation needs it.
    `most_bytes` is what the file may have; `is_repository` puts it into folders for Triton."""

    name: str
    opset: int = OPSET
    newest_opset: int = NEWEST_OPSET
    ir_version: int = IR_VERSION
    most_bytes: int = MOST_BYTES
    is_repository: bool = False

    def model_path(self, model_name: str) -> str:
        """Where in the folder the file lies.

        >>> PROFILES["triton"].model_path("words")
        'words/1/model.onnx'
        """
        return f"{model_name}/1/{MODEL}" if self.is_repository else MODEL


PROFILES = {
    "default": Profile("default"),
    "bigquery": Profile(
        "bigquery", opset=17, newest_opset=17, ir_version=8, most_bytes=450_000_000
    ),
    "triton": Profile("triton", is_repository=True),
}
