"""How much of the difference between two trials chance makes: by the held-out loss of each row."""

import numpy as np
import numpy.typing as npt

from trainer.evaluation import gather_results, results_step
from trainer.run import Run

# Of more held-out rows a mean is sure enough.
MANY_ROWS = 20_000

Losses = npt.NDArray[np.float64]


def row_losses(run: Run) -> Losses | None:
    """What each row of eval adds to the held-out loss of a run as it is; None where the rows are
    many, or epochs are judged by something else."""
    rows = run.rows("eval")
    if not 1 < rows <= MANY_ROWS or run.spec.selected() is not None:
        return None
    found = gather_results(results_step(run), run.batches("eval"), rows, "judge the trial")
    whole = np.zeros(rows)
    for name, of_head in found.items():
        weight = of_head["weight"].astype(np.float64)
        if weight.any():
            whole += run.losses[name].scale * of_head["loss"] * weight / weight.sum()
    return whole


def standard_error(one: Losses, other: Losses) -> float:
    """Of the difference between two sums over the same rows.

    >>> rows = np.array([0.1, 0.3, 0.2, 0.4])
    >>> standard_error(rows + 0.1, rows) < 1e-9, round(standard_error(rows[::-1], rows), 3)
    (True, 0.516)
    """
    return float(np.sqrt(len(one)) * np.std(one - other, ddof=1))
