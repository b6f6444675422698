"""What a process finds around it that would change a run: Keras's settings, TensorFlow's flags."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.failures import Exit, Failure

# What every run has, whatever a person's keras.json says.
KERAS = {"backend": "tensorflow", "floatx": "float32"}
# By these variables TensorFlow and the libraries below it calculate otherwise, unless they have the
# values that they have by themselves.
NUMBERS = {
    "TF_XLA_FLAGS": "",
    "XLA_FLAGS": "",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "TF_DISABLE_MKL": "0",
    "ONEDNN_MAX_CPU_ISA": "",
    "TF_ENABLE_AUTO_MIXED_PRECISION": "0",
    "NVIDIA_TF32_OVERRIDE": "",
    "TF2_BEHAVIOR": "1",
}


@contextmanager
def own_keras() -> Iterator[None]:
    """Within the block Keras may be imported: on TensorFlow, in float32, as it is without a
    person's keras.json. Raises Failure 6 where the process has it otherwise already."""
    if (loaded := sys.modules.get("keras")) and (said := _differences(_state(loaded))):
        rule = "Keras must have TensorFlow and float32 in the process that trains or exports"
        raise Failure(Exit.ENVIRONMENT, rule, received=said)
    home = os.environ.get("KERAS_HOME")
    # No file lies below it, and none can be made there.
    os.environ |= {"KERAS_HOME": os.devnull, "KERAS_BACKEND": KERAS["backend"]}
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    try:
        yield
    finally:
        del os.environ["KERAS_HOME"]
        if home is not None:
            os.environ["KERAS_HOME"] = home


def keras_settings(environment: Mapping[str, str]) -> str:
    """What somebody has set for Keras otherwise than a run has it; "" for nothing."""
    home = Path(environment.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        content = json.loads((home / "keras.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = {}
    said = _differences(content if isinstance(content, dict) else {})
    found = [f"{said} in {home / 'keras.json'}"] if said else []
    if environment.get("KERAS_BACKEND", KERAS["backend"]) != KERAS["backend"]:
        found.append(f"KERAS_BACKEND={environment['KERAS_BACKEND']}")
    return ", ".join(found)


def number_flags(environment: Mapping[str, str]) -> str:
    """The variables that are set and by which the numbers of a run may differ.

    >>> number_flags({"TF_ENABLE_ONEDNN_OPTS": "0", "HOME": "/root"})
    'TF_ENABLE_ONEDNN_OPTS=0'
    """
    own = {name: environment.get(name) or usual for name, usual in NUMBERS.items()}
    return ", ".join(f"{n}={value}" for n, value in own.items() if value != NUMBERS[n])


def tell_number_flags(stage: str) -> None:
    """One line where some are set."""
    if flags := number_flags(os.environ):
        print(f"{stage}: the numbers may differ from a run without {flags}", file=sys.stderr)


def _state(keras: Any) -> dict[str, str]:
    policy = keras.config.dtype_policy().name
    floatx = keras.config.floatx()
    return {
        "backend": keras.config.backend(),
        "floatx": policy if floatx == KERAS["floatx"] else floatx,
    }


def _differences(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{n} {found[n]}" for n, own in KERAS.items() if found.get(n, own) != own)
