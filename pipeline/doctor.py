"""Checks whether this machine can run every stage, and says what to do where it cannot.

    python -m pipeline.doctor [--output OUT]

Looks at Python, the installed versions next to the tested ones, the Keras 2 switch, settings of
Keras and TensorFlow, what onnxruntime opens, Beam's local engine, threads, the processor's matrix
instructions, what training and scoring multiply with on it and why, and disk. Ends with exit code 6
if a stage cannot work.
"""

import argparse
import importlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kinds.tensors import IR_VERSION, NEWEST_OPSET, OPSET
from pipeline.failures import Exit, main
from pipeline.processor import processor
from pipeline.products import Asked
from pipeline.surroundings import keras_settings, number_flags

# As in requirements/tested.txt.
TESTED = {
    "apache-beam": "2.77.0",
    "keras": "3.15.1",
    "numpy": "2.4.6",
    "onnx": "1.23.2",
    "onnxruntime": "1.31.1",
    "pyarrow": "25.0.1",
    "tensorflow": "2.21.0",
    "tensorflow-transform": "1.21.0",
    "tf2onnx": "1.17.0",
    "tfx-bsl": "1.21.0",
}
PYTHONS = ((3, 11), (3, 12), (3, 13))
NEEDED_BYTES = 2 * 10**9
MULTIPLYING = {"training": "trainer", "scoring": "serving"}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


@dataclass(frozen=True)
class Finding:
    """`advice` is None if all is well; `fatal` means that a stage cannot work."""

    about: str
    found: str
    advice: str | None = None
    fatal: bool = False


def examined(output: Path) -> Iterator[Finding]:
    asked = {f"{does} multiplies": Asked.of(by) for does, by in MULTIPLYING.items()}
    yield python(sys.version_info[:2])
    yield from versions(TESTED)
    yield keras_switch(os.environ)
    yield settings_of_keras(os.environ)
    yield flags(os.environ)
    yield ceilings()
    yield engine()
    yield threads(os.environ)
    yield Finding("processor", processor())
    yield from (multiplying(about, *one.said()) for about, one in asked.items())
    yield disk(output)


def python(running: tuple[int, int]) -> Finding:
    found = ".".join(map(str, running))
    if running in PYTHONS:
        return Finding("Python", found)
    names = ", ".join(f"{major}.{minor}" for major, minor in PYTHONS)
    return Finding("Python", found, f"use one of {names}", fatal=True)


def versions(tested: Mapping[str, str]) -> Iterator[Finding]:
    """Each installed package next to the version that was tested."""
    for package, wanted in tested.items():
        try:
            found = version(package)
        except PackageNotFoundError:
            yield Finding(
                package, "not installed", f"pip install '{package}=={wanted}'", fatal=True
            )
            continue
        differs = f"tested with {wanted}; if something fails, install that"
        yield Finding(package, found, None if found == wanted else differs)


def keras_switch(environment: Mapping[str, str]) -> Finding:
    """tf.Transform sets it for its own process; anywhere else it turns `tf.keras` into Keras 2."""
    name = "TF_USE_LEGACY_KERAS"
    found = environment.get(name)
    if found in (None, "", "0"):
        return Finding("Keras 2 switch", "off")
    return Finding("Keras 2 switch", f"{name}={found}", f"unset {name}", fatal=True)


def settings_of_keras(environment: Mapping[str, str]) -> Finding:
    """A person's own are for other projects: no stage reads them."""
    said = keras_settings(environment)
    found = f"{said}: not used here" if said else "none that would differ"
    return Finding("Keras settings", found)


def flags(environment: Mapping[str, str]) -> Finding:
    said = number_flags(environment)
    advice = "the numbers of a run may differ with it: unset it to have those of other machines"
    return Finding("flags for numbers", said or "none", advice if said else None)


def ceilings() -> Finding:
    """Whether onnxruntime opens the files that export writes, by opening some."""
    about = "opset and IR"
    try:
        importlib.import_module("onnx")
        importlib.import_module("onnxruntime")
    except ImportError as error:
        return Finding(about, f"unknown: {error}", "install the missing package", fatal=True)
    opset, ir_version = highest(OPSET, 60, _opens_opset), highest(IR_VERSION, 60, _opens_ir)
    found = (
        f"onnxruntime opens opset {opset} and IR {ir_version}; files have at most {NEWEST_OPSET} "
        f"and {IR_VERSION}"
    )
    if opset >= NEWEST_OPSET and ir_version >= IR_VERSION:
        return Finding(about, found)
    return Finding(about, found, f"pip install 'onnxruntime=={TESTED['onnxruntime']}'", fatal=True)


def highest(start: int, end: int, holds: Any) -> int:
    """The last number of those from `start` that hold one after the other; start - 1 for none.

    >>> highest(3, 60, lambda number: number < 8)
    7
    """
    return next((n - 1 for n in range(start, end) if not holds(n)), end - 1)


def _opens_opset(opset: int) -> bool:
    return _opens(opset, IR_VERSION)


def _opens_ir(ir_version: int) -> bool:
    return _opens(OPSET, ir_version)


def _opens(opset: int, ir_version: int) -> bool:
    onnx, runtime = map(importlib.import_module, ("onnx", "onnxruntime"))
    make = onnx.helper
    x, y = (make.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1]) for n in "xy")
    graph = make.make_graph([make.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    opsets = [make.make_opsetid("", opset)]
    model = make.make_model(graph, opset_imports=opsets, ir_version=ir_version)
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    try:
        runtime.InferenceSession(model.SerializeToString(), options)
    except Exception:  # onnxruntime has a class of its own for each reason
        return False
    return True


def engine() -> Finding:
    """The engine that prepare runs on by default."""
    about, name = "Beam engine", "apache_beam.runners.portability.fn_api_runner"
    try:
        importlib.import_module(name)
    except ImportError as error:
        wanted = TESTED["apache-beam"]
        return Finding(about, f"none: {error}", f"pip install 'apache-beam=={wanted}'", fatal=True)
    return Finding(about, f"FnApiRunner of Apache Beam {version('apache-beam')}, in this machine")


def threads(environment: Mapping[str, str]) -> Finding:
    usable, cores = len(os.sched_getaffinity(0)), os.cpu_count() or 1
    found = f"{usable} of {cores} cores"
    limits = [f"{n}={environment[n]}" for n in THREAD_VARIABLES if environment.get(n)]
    if limits:
        return Finding("threads", f"{found}, {', '.join(limits)}", "unset these to use every core")
    advice = "this process may not use the others (taskset, a container's limit)"
    return Finding("threads", found, advice if usable < cores else None)


def multiplying(about: str, said: str, is_answer: bool) -> Finding:
    if is_answer:
        return Finding(about, said)
    return Finding(about, f"unknown: {said}", "see what a run of that stage says")


def disk(output: Path) -> Finding:
    """Free space where the results will go."""
    folder = next(path for path in (output.absolute(), *output.absolute().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    found = f"{free / 1e9:,.1f} GB free in {folder}"
    if free >= NEEDED_BYTES:
        return Finding("disk", found)
    return Finding("disk", found, "prepared rows need about as much space as raw ones: free some")


def report(findings: Sequence[Finding]) -> str:
    """A line for each finding, and under it what to do."""
    lines = []
    for finding in findings:
        mark = "ok" if finding.advice is None else "FAULT" if finding.fatal else "note"
        lines.append(f"{mark:<6} {finding.about:<21} {finding.found}")
        if finding.advice:
            lines.append(f"{'':<6} {'':<21} -> {finding.advice}")
    return "\n".join(lines)


def run(arguments: Sequence[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.doctor",
        description="Checks whether this machine can run every stage; says what to do if not.",
        epilog="Example: python -m pipeline.doctor --output /data/OUT",
    )
    help_text = "where results will go: its disk is checked (the current folder)"
    parser.add_argument("--output", type=Path, default=Path(), help=help_text)
    findings = list(examined(parser.parse_args(arguments).output))
    print(report(findings))
    if any(finding.fatal for finding in findings):
        sys.exit(Exit.ENVIRONMENT)


if __name__ == "__main__":
    main(run)
