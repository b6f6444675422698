"""All stages, one after the other: raw rows in, one ONNX file and scored rows out.

Each stage is a process of its own, because tf.Transform switches its process to Keras 2 and the
trainer needs Keras 3. They meet only in the folders under `--output`, so any of them can be run
alone, again, or on another machine; a stage whose folder already holds its result says so and ends.

In Python: `pipeline.run("spec.yaml", ["rows/*.csv"], "OUT")`.
"""

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from pipeline.console.run_table import Finished, published, table
from pipeline.failures import main
from pipeline.folders.output import Output
from pipeline.rows.csv_dialect import AS_FOUND, Csv, csv_of
from pipeline.running.first_spec import first_spec
from pipeline.running.in_order import run_each
from pipeline.running.options import parsed
from pipeline.running.processes import StageFailed
from pipeline.running.settings import settings_of
from pipeline.running.stages import STAGES, Command, columns_to_keep, commands, sides_to_score
from pipeline.spec import Spec
from pipeline.spec.file import read_spec


def run_all(
    spec: str | Path,
    rows: Sequence[str],
    output: str | Path,
    *,
    stages: Sequence[str] = STAGES,
    score: Sequence[str] | None = None,
    keep: Sequence[str] = (),
    side: Sequence[str] | None = None,
    settings: Sequence[str] = (),
    max_bad_fraction: float = 0.01,
    force: bool = False,
    show_test: bool = False,
    csv: Csv = AS_FOUND,
    beam_options: Sequence[str] = (),
) -> list[Finished]:
    """Runs the chosen stages, each in a process of its own. The arguments are those of `commands`.

    Raises Failure for a wrong spec, StageFailed for a stage that does not end with exit code 0.
    """
    own = read_spec(spec, settings=settings)
    chosen = commands(
        spec,
        rows,
        output,
        stages=stages,
        score=score,
        keep=keep or ([] if score else columns_to_keep(own)),
        side=side or sides_to_score(own),
        settings=settings,
        max_bad_fraction=max_bad_fraction,
        force=force,
        show_test=show_test,
        csv=csv,
        beam_options=beam_options,
    )
    return list(run_each(chosen, output))


class _Call(ModuleType):
    """This module, called: `pipeline.run(...)` means run_all, whether or not somebody has imported
    `pipeline.run`, which gives the package's attribute of that name to the module."""

    __call__ = staticmethod(run_all)


sys.modules[__name__].__class__ = _Call


def run(arguments: Sequence[str]) -> None:
    """The command. Options that are not ours go to Beam, in the prepare stage."""
    options, beam_options = parsed(arguments)
    if options.spec is None:
        options.spec = first_spec(options)
    settings = settings_of(options)
    spec = read_spec(options.spec, settings=settings)
    chosen = commands(
        options.spec,
        options.input,
        options.output,
        stages=options.stages,
        score=options.score,
        keep=options.keep or ([] if options.score else columns_to_keep(spec)),
        side=options.side or sides_to_score(spec),
        settings=settings,
        max_bad_fraction=options.max_bad_fraction,
        force=options.force,
        show_test=options.show_test,
        csv=csv_of(options),
        beam_options=beam_options,
    )
    if options.print_config:
        print(config(spec, chosen))
        return
    run_and_tell(chosen, options.output)
    if "train" in options.stages:
        print("\n".join(verdict(options.output)))


def run_and_tell(chosen: Sequence[Command], output: Path) -> None:
    """Runs stages and prints the table of those that are done. Ends as a stage that fails ends."""
    finished: list[Finished] = []
    try:
        for stage in run_each(chosen, output):
            finished.append(stage)
    except StageFailed as failed:
        done = f"\n{table(finished)}\n" if finished else ""
        print(f"{done}{failed}", file=sys.stderr)
        sys.exit(failed.exit_code)
    print(f"\n{table(finished)}")


def verdict(output: Path) -> list[str]:
    """What a run that is there says of its heads beside what is simpler, after an empty line."""
    folder = Output(output).run
    said = folder.manifest.facts.get("verdict", []) if published(folder.path) else []
    return ["", *said] if said else []


def config(spec: Spec, chosen: Sequence[Command]) -> str:
    """What a run would do, as JSON: the spec with every default, and each stage's command."""
    stages = {c.stage: shlex.join(["python", "-m", *c.arguments]) for c in chosen}
    return json.dumps({"spec": json.loads(spec.to_json()), "stages": stages}, indent=2)


if __name__ == "__main__":
    main(run)
