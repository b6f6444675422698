"""New ids learn first, and alone, where the whole network is to go on from an earlier run.

The rest starts from weights that are good, and takes short steps. New ids start as values out of
vocabulary, and would be far behind after these. So their vectors learn from the rows that hold one
(trainer.starting.fold_in) as in a run of their own: for more epochs, at a higher rate.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from trainer.evaluation import make_held_out_loss
from trainer.evaluation.gates import fit_gates
from trainer.run import Run
from trainer.starting import NEW, ahead_of_the_rest
from trainer.starting.fold_in import new_ids_line, with_new_rows
from trainer.starting.learned import learned
from trainer.training.optimizer import build_optimizer
from trainer.training.train import learns_gates, steps_of_run, train_run
from trainer.training.train_state import evaluate_and_keep_best, start_train_state


def new_ids_first(run: Run) -> None:
    """Trains the vectors of new ids of a run that has not begun. Does nothing on several devices,
    where few rows cannot be shared out."""
    if run.start is None or not run.start.grown or run.workers.devices > 1:
        return
    start = replace(run.start, learn=NEW)
    own = learned(run.network, run.spec, start)
    training = run.spec.training
    training = ahead_of_the_rest(training, steps_of_run(training, run.data.rows("train")))
    optimizer = build_optimizer(training.optimizer, own.variables, clip_norm=training.clip_norm)
    alone = replace(
        run,
        spec=run.spec.model_copy(update={"training": training}),
        optimizer=optimizer,
        train_state=start_train_state(run.network, optimizer),
        start=start,
        rows_that_learn=own.rows,
    )
    alone = with_new_rows(alone, start)
    if not (own.variables and alone.rows("train")):
        return
    print(new_ids_line(alone), flush=True)
    if learns_gates(run):
        fit_gates(run)
    if alone.rows("eval"):
        # Where no epoch is better, they stay as they start.
        evaluate_and_keep_best(alone.train_state, make_held_out_loss(alone))
    with TemporaryDirectory(prefix="new-ids-") as folder:
        train_run(alone, Path(folder), quiet=True)
