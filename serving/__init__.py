"""Export of a trained run to one file that scores anywhere, and the scoring itself.

import serving
serving.Scorer("OUT/model/model.onnx").score(table)
"""

from typing import TYPE_CHECKING, Any

from pipeline import __version__

__all__ = ["Scorer", "__version__"]

if TYPE_CHECKING:
    from serving.scorer import Scorer


def __getattr__(name: str) -> Any:
    """The scorer loads onnxruntime, so it is imported when it is first asked for."""
    if name == "Scorer":
        from serving.scorer import Scorer

        return Scorer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
