"""Makes the one file: `python -m serving.export --run OUT/run --output OUT/model`.

    OUT/run: spec, statistics, vocabularies, transform graph, model.keras, held-out rows
    OUT/model: model.onnx, model.onnx.sha256, certificate.json, README.md

The file is published only if it gives what the transform graph and Keras give (see
serving.exporting.certificate). Beam, tf.Transform and the trainer are not needed.
"""

import argparse
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from pipeline.code_hash import code_hash
from pipeline.console.import_noise import quiet_import
from pipeline.console.progress import duration
from pipeline.failures import main
from pipeline.folders.model import ModelFolder
from pipeline.folders.run import RunFolder
from pipeline.manifest import Manifest, combined_hash, fresh_staging, lock
from pipeline.storage.full_disk import full_disk_explained
from pipeline.surroundings import own_keras, tell_number_flags
from serving.exporting.profiles import PROFILES, Profile

_LIBRARIES = ("keras", "numpy", "onnx", "onnxruntime", "tensorflow", "tf2onnx")


def run(arguments: Sequence[str]) -> None:
    """The command."""
    started = time.monotonic()
    options = _parser().parse_args(arguments)
    folder, output = Path(options.run), Path(options.output)
    made = ModelFolder(output)
    profile = PROFILES[options.profile]
    with lock(output), full_disk_explained(output):
        made_from = _made_from(RunFolder(folder).verified().manifest, profile)
        if made.is_done(made_from, force=options.force):
            print(f"{output} is up to date")
            return
        # onnx, and then TensorFlow, take a while to load: who is refused, or has nothing to do,
        # does without them.
        from serving.exporting.opsets import opset_of

        opset_of(RunFolder(folder).spec.inputs, profile)
        tell_number_flags("export")
        with own_keras(), quiet_import():
            from serving.exporting.model_folder import write_model
        work = fresh_staging(output)
        path, certificate = write_model(folder, work, profile, _versions())
        made.publish(made_from, {"versions": _versions()})
    largest = max(certificate.heads.values(), default=0.0)
    rows = sum(certificate.cases.values())
    took = duration(time.monotonic() - started)
    same = f"{rows:,} rows as in Keras, largest difference {largest:.1e}"
    print(f"{output / path}: {(output / path).stat().st_size / 1e6:,.1f} MB, {same}, in {took}")


def _made_from(manifest: Manifest, profile: Profile) -> str:
    code = code_hash("serving.exporting.model_folder")
    return combined_hash([manifest.identity(), code, profile.name, *_versions().values()])


def _versions() -> dict[str, str]:
    return {library: version(library) for library in _LIBRARIES}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving.export", description=__doc__)
    parser.add_argument("--run", required=True, help="the folder of a finished training run")
    parser.add_argument("--output", required=True, help="the folder to make")
    parser.add_argument("--profile", choices=PROFILES, default="default", help="where it is to run")
    parser.add_argument("--force", action="store_true", help="replace what the folder holds")
    return parser


if __name__ == "__main__":
    main(run)
