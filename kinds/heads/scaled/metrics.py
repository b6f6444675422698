"""Numbers on a scale back to the target's own unit. NumPy only."""

from kinds.heads.any.metrics import Rows, Scale


def restored(rows: Rows, scale: Scale) -> Rows:
    return {name: scale.restore(rows[name]) for name in ("value", "target")}
