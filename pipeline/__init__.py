"""Raw rows to vocabularies and TFRecords, and the command that runs every stage.

    import pipeline
    pipeline.run("spec.yaml", ["rows/*.csv"], "OUT")

`pipeline.run` is a module, for `python -m pipeline.run`, that can be called.
"""

import importlib
from typing import TYPE_CHECKING, Any

__all__ = ["__version__", "run"]
# The one place that says it: pyproject.toml reads it here.
__version__ = "0.1.0"

if TYPE_CHECKING:
    from pipeline.run import run_all as run


def __getattr__(name: str) -> Any:
    if name == "run":
        return importlib.import_module("pipeline.run")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
