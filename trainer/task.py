"""Trains the network of a spec on a folder of prepared examples.

    python -m trainer.task --data OUT/data --output OUT/run

Running it again does nothing while data, spec and code are the same. A run that was killed goes on
where its last checkpoint was.
"""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.code_hash import code_hash
from pipeline.failures import Exit, Failure, main
from pipeline.manifest import combined_hash, is_done, lock, read_manifest
from pipeline.quiet import quiet_import
from pipeline.room import room
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec, read_spec
from pipeline.surroundings import own_keras, tell_number_flags
from trainer.data_folder import Data, read_data
from trainer.options import STAGE, Options, is_elsewhere, place_in, read_options


def run(argv: Sequence[str]) -> None:
    options = read_options(argv, os.environ, __doc__ or "")
    place, count = place_in(os.environ.get("TF_CONFIG", ""))
    with TemporaryDirectory(prefix="trainer-") as scratch:
        if options.print_config:
            data = read_data(at_hand(options.data, Path(scratch) / "data"))
            print(chosen_spec(data, options.spec, options.settings).to_json(), end="")
            return
        output = at_hand(options.output, Path(scratch) / "run")
        with lock(output) if place == 0 else nullcontext(), room(output):
            folder = at_hand(options.data, Path(scratch) / "data")
            train(options, folder, output, is_chief=place == 0, alone=count == 1)


def at_hand(folder: str, local: Path) -> Path:
    """A folder as a local one: itself, or a copy of what is there."""
    if not is_elsewhere(folder):
        return Path(folder)
    from trainer.storage import copy_in

    copy_in(folder, local)
    return local


def train(options: Options, folder: Path, output: Path, *, is_chief: bool, alone: bool) -> None:
    """Data folder to run folder. Raises Failure as the exit codes say."""
    data = read_data(folder)
    spec = chosen_spec(data, options.spec, options.settings)
    made_from = identity(data, spec, options.warm_start)
    done = is_chief and is_done(output, stage=STAGE, made_from=made_from, force=options.force)
    if not (done and alone):
        # It takes seconds to load: who is refused, or has nothing to do, does without it.
        tell_number_flags("train")
        with own_keras(), quiet_import():
            from trainer.stage import train_stage
        done = train_stage(options, data, spec, output, made_from, done=done)
    if done:
        print(f"train: {output} is up to date")
    elif is_chief and is_elsewhere(options.output):
        from trainer.storage import publish_out

        publish_out(output, options.output)


def identity(data: Data, spec: Spec, warm_start: str | None) -> str:
    """The hash of all that a run is made from."""
    start = [read_manifest(Path(warm_start), stage=STAGE).identity()] if warm_start else []
    return combined_hash(
        [data.manifest.identity(), spec.to_json(), code_hash("trainer.stage"), *start]
    )


def chosen_spec(data: Data, path: str | None, settings: Sequence[str]) -> Spec:
    """The data's spec or another one, changed by settings, for examples that are prepared."""
    if path is None:
        spec = parse_spec(data.spec.to_json(), settings=settings)
    else:
        spec = read_spec(path, settings=settings)
    if spec.preparation_hash() != data.spec.preparation_hash():
        rule = (
            "--spec and --set may differ from the spec of the data in shared, trunk, training and "
            "the network's sides of inputs and heads; for another preparation run prepare again"
        )
        raise Failure(Exit.USAGE, rule, received=path or " ".join(settings))
    return spec


if __name__ == "__main__":
    main(run)
