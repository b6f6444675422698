"""How a command logs: as lines for a person, or with `--log-format json` as JSON objects with a
severity, one a line, as log collectors read them.

It is about the standard error stream alone; results go to standard output as they always do. The
choice goes on to the processes that a command starts. Standard library only.
"""

import argparse
import io
import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import TextIO

VARIABLE = "PIPELINE_LOG_FORMAT"
FORMATS = ("plain", "json")
# What pipeline.failures.main takes on behalf of every command.
EVERYWHERE = f"--log-format {{{','.join(FORMATS)}}}\n  --debug"
_SEVERITIES = {"error": "ERROR", "warning": "WARNING"}


def taken(arguments: Sequence[str]) -> list[str]:
    """The arguments without `--log-format`, which holds from now on.

    >>> taken(["--spec", "spec.yaml", "--log-format", "plain"])
    ['--spec', 'spec.yaml']
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--log-format", choices=FORMATS, default=os.environ.get(VARIABLE, "plain"))
    said, others = parser.parse_known_args(list(arguments))
    os.environ[VARIABLE] = said.log_format
    if said.log_format == "json":
        sys.stderr = JsonLines(sys.stderr)
        sys.excepthook = _tell_fault
    return others


class JsonLines(io.TextIOBase):
    """A text stream that writes each line as `{"severity", "time", "message"}`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._begun = stream, ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(str.strip, lines):
            self.say(severity(line), line)
        return len(text)

    def say(self, level: str, message: str) -> None:
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = json.dumps({"severity": level, "time": when, "message": message})
        self._stream.write(line + "\n")
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()


def severity(line: str) -> str:
    """
    >>> severity("error: no such file"), severity("train: 3 of 9 steps")
    ('ERROR', 'INFO')
    """
    return _SEVERITIES.get(line.partition(":")[0].lower(), "INFO")


def _tell_fault(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """A fault is one line too, with its whole traceback as the message."""
    text = "".join(traceback.format_exception(kind, error, trace))
    if isinstance(sys.stderr, JsonLines):
        sys.stderr.say("CRITICAL", text)
