"""What the trainer is told: flags, and what Vertex AI's custom training says in the environment.

A flag wins over the environment. Every setting of the spec is a flag too, so that a tuner can give
it: `--training.learning_rate=0.01`, and those of `training` without their first word.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.failures import Exit, Failure
from pipeline.spec import Training
from pipeline.spec.file import add_set
from trainer.starting import LEARN, Learn

_CHIEFS = ("chief", "master")


@dataclass(frozen=True)
class Options:
    """Folders are local paths or addresses such as gs://bucket/folder.

    settings: PLACE=VALUE, what is to change in the spec
    warm_start: the folder of an earlier run, whose weights are the start
    learn: how much of it learns on; None leaves it to the spec
    print_config: only print the spec that comes of it
    checkpoints: where a copy of the unfinished run is kept, so that another machine can go on
    tensorboard: where event files go, if not into `output`
    show_test: whether the table at the end has the metrics on test, too
    spent: seconds of `training.minutes` that are others'
    started: when the command began, as time.monotonic has it
    """

    data: str
    output: str
    spec: str | None
    settings: tuple[str, ...]
    force: bool
    warm_start: str | None
    learn: Learn | None
    print_config: bool
    checkpoints: str | None
    tensorboard: str | None
    show_test: bool = False
    spent: float = 0.0
    started: float = field(default_factory=time.monotonic)


def read_options(argv: Sequence[str], environment: Mapping[str, str], about: str) -> Options:
    """Raises SystemExit or Failure with exit code 2 where something is wrong or missing."""
    parser = _parser(about)
    given, others = parser.parse_known_args(argv)
    if given.learn and not given.warm_start:
        parser.error("--learn goes with --warm-start: it says what of an earlier run learns on")
    output = given.output or environment.get("AIP_MODEL_DIR")
    if not output:
        parser.error("--output is required (or AIP_MODEL_DIR in the environment)")
    return Options(
        data=given.data,
        output=output,
        spec=given.spec,
        settings=(*given.set, *minutes_of(given), *settings_in(others)),
        force=given.force,
        warm_start=given.warm_start,
        learn=given.learn,
        print_config=given.print_config,
        checkpoints=given.checkpoints or environment.get("AIP_CHECKPOINT_DIR") or None,
        tensorboard=given.tensorboard or environment.get("AIP_TENSORBOARD_LOG_DIR") or None,
        show_test=given.show_test,
        spent=given.spent,
    )


def minutes_of(given: argparse.Namespace) -> list[str]:
    """`--minutes` as a setting of the spec."""
    return [] if given.minutes is None else [f"training.minutes={given.minutes}"]


def settings_in(arguments: Sequence[str]) -> list[str]:
    """Flags that are settings of the spec, as PLACE=VALUE.

    >>> settings_in(["--training.epochs=3", "--learning_rate", "0.1"])
    ['training.epochs=3', 'training.learning_rate=0.1']
    """
    settings, left = [], list(arguments)
    while left:
        name, equals, value = left.pop(0).partition("=")
        place = name.removeprefix("--")
        if place in Training.model_fields:
            place = f"training.{place}"
        if not name.startswith("--") or "." not in place or not (equals or left):
            rule = "an argument must be an option, or --PLACE=VALUE with a place of the spec"
            raise Failure(Exit.USAGE, rule, received=name)
        settings.append(f"{place}={value if equals else left.pop(0)}")
    return settings


def is_elsewhere(folder: str) -> bool:
    """Whether it is an address, not a local path.

    >>> is_elsewhere("gs://bucket/folder"), is_elsewhere("/gcs/bucket/folder")
    (True, False)
    """
    return "://" in folder


def place_in(tf_config: str) -> tuple[int, int]:
    """(number of this process, how many train together) of a TF_CONFIG.

    >>> place_in('{"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]},'
    ...          ' "task": {"type": "worker", "index": 1}}')
    (2, 3)
    """
    try:
        config = json.loads(tf_config or "{}")
        cluster, task = config.get("cluster", {}), config.get("task", {})
        chiefs = sum(len(cluster.get(kind, ())) for kind in _CHIEFS)
        count = chiefs + len(cluster.get("worker", ()))
        kind, index = task.get("type", "chief"), int(task.get("index", 0))
    except (ValueError, AttributeError, TypeError):
        rule = "TF_CONFIG must be JSON with `cluster` and `task`"
        raise Failure(Exit.USAGE, rule, received=f"{tf_config:.200}") from None
    if kind not in ("worker", *_CHIEFS):
        rule = "the `task` of TF_CONFIG must be a chief or a worker: there is nothing else to do"
        raise Failure(Exit.USAGE, rule, received=kind)
    return index + chiefs * (kind == "worker"), max(1, count)


def _parser(about: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer.task",
        description=about,
        epilog="--training.batch_size=512 and --batch_size=512 say what --set does.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--data", required=True, help="the folder of the prepare stage")
    add("--output", help="the folder to make (AIP_MODEL_DIR)")
    add("--spec", help="another spec over the same prepared examples")
    add("--force", action="store_true", help="start over, replace what is there")
    add("--warm-start", metavar="RUN", help="start from the weights of an earlier run's folder")
    said = "what of it learns on: all of it, in a third of its steps; its heads; its common, "
    said += "shared blocks, in one phase; or the vectors of new ids alone"
    add("--learn", choices=LEARN, help=said)
    add("--print-config", action="store_true", help="print the spec as it would be used, and end")
    add_set(parser)
    add("--minutes", type=float, help="training.minutes: how long `training: auto` may take (5)")
    add("--spent", type=float, default=0.0, help="seconds of these that others take")
    add("--show-test", action="store_true", help="show the metrics on test, too, not on eval alone")
    add("--checkpoints", help="keep a copy of the unfinished run here (AIP_CHECKPOINT_DIR)")
    add("--tensorboard", help="where event files go (AIP_TENSORBOARD_LOG_DIR)")
    return parser
