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
from pipeline.console.import_noise import quiet_import
from pipeline.failures import Exit, Failure, main
from pipeline.folders.data import DataFolder
from pipeline.folders.output import Output
from pipeline.folders.run import RunFolder
from pipeline.manifest import combined_hash, lock
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec, read_spec
from pipeline.storage.full_disk import full_disk_explained
from pipeline.surroundings import own_keras, tell_number_flags
from trainer.data_folder import read_data
from trainer.options import Options, is_elsewhere, place_in, read_options
from trainer.starting import Learn, continued


def run(argv: Sequence[str]) -> None:
    options = read_options(argv, os.environ, __doc__ or "")
    place, count = place_in(os.environ.get("TF_CONFIG", ""))
    with TemporaryDirectory(prefix="trainer-") as folder:
        scratch = Output(Path(folder))
        if options.print_config:
            data = read_data(at_hand(options.data, scratch.data.path))
            print(spec_of_run(data, options).to_json(), end="")
            return
        output = at_hand(options.output, scratch.run.path)
        with lock(output) if place == 0 else nullcontext(), full_disk_explained(output):
            data_folder = at_hand(options.data, scratch.data.path)
            train(options, data_folder, output, is_chief=place == 0, alone=count == 1)


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
    spec = spec_of_run(data, options)
    made_from = identity(data, spec, options.warm_start, options.learn)
    done = is_chief and RunFolder(output).is_done(made_from, force=options.force)
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


def identity(
    data: DataFolder, spec: Spec, warm_start: str | None, learn: Learn | None = None
) -> str:
    """The hash of all that a run is made from."""
    start = [RunFolder(Path(warm_start)).manifest.identity()] if warm_start else []
    start += [f"learn {learn}"] if learn else []
    return combined_hash(
        [data.manifest.identity(), spec.to_json(), code_hash("trainer.stage"), *start]
    )


def spec_of_run(data: DataFolder, options: Options) -> Spec:
    """The spec with all settings; that of a run that goes on from an earlier one trains as that
    did, with what was set by hand."""
    if not (options.learn and options.warm_start):
        return chosen_spec(data, options.spec, options.settings)
    earlier = RunFolder(Path(options.warm_start)).verified().spec
    spec = continued(chosen_spec(data, options.spec, ()), earlier, options.learn)
    spec = parse_spec(spec.to_json(), settings=options.settings)
    return prepared_so(spec, data, " ".join(options.settings))


def chosen_spec(data: DataFolder, path: str | None, settings: Sequence[str]) -> Spec:
    """The data's spec or another one, changed by settings, for examples that are prepared."""
    if path is None:
        spec = parse_spec(data.spec.to_json(), settings=settings)
    else:
        spec = read_spec(path, settings=settings).prepared_as(data.spec)
    return prepared_so(spec, data, path or " ".join(settings))


def prepared_so(spec: Spec, data: DataFolder, received: str) -> Spec:
    """The spec, if the examples are prepared for it."""
    if spec.preparation_hash() != data.spec.preparation_hash():
        rule = (
            "--spec and --set may differ from the spec of the data in shared, products, trunk, "
            "training and the network's sides of inputs and heads; for another preparation run "
            "prepare again"
        )
        raise Failure(Exit.USAGE, rule, received=received)
    return spec


if __name__ == "__main__":
    main(run)
