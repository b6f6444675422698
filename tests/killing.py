"""Stages as processes that can be killed at any moment, started without waiting for imports.

A process that has imported a stage forks a child for each run of it, so that the moments of a kill
fall into the work, not into the seconds before it.
"""

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_SERVER = """
import importlib, json, os, sys, traceback
from pipeline.failures import main
stage = [importlib.import_module(name) for name in sys.argv[1:]][0]
for line in sys.stdin:
    log, *arguments = json.loads(line)
    child = os.fork()
    if child == 0:
        os.setsid()
        to = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(to, 1), os.dup2(to, 2)
        sys.argv, code = ["stage", *arguments], 1
        try:
            main(stage.run)
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
        # Python's own end would wait for threads of the libraries that a fork does not bring along.
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Stage:
    """One command, as a process that is started again and again.

    `temporary` is its folder for temporary files. `seconds_after` says how long the last run went
    on after its signal, `fastest` how long the fastest run to the end took: any other may have been
    slowed down by other work.
    """

    def __init__(self, server: "subprocess.Popen[str]", log: Path, temporary: Path) -> None:
        self._server, self._log, self.temporary = server, log, temporary
        self.seconds_after, self.fastest = 0.0, math.inf

    def run(
        self, arguments: Sequence[str], *, after: float | None = None, number: int = signal.SIGKILL
    ) -> int:
        """Runs the command and gives its exit code; `after` so many seconds its whole process group
        gets the signal."""
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(json.dumps([str(self._log), *arguments]) + "\n")
        self._server.stdin.flush()
        child = int(self._server.stdout.readline())
        if after is not None:
            time.sleep(after)
            with suppress(ProcessLookupError):  # it had ended by then
                os.killpg(child, number)
        signalled = time.monotonic()
        code = int(self._server.stdout.readline())
        self.seconds_after = time.monotonic() - signalled
        if after is None and code == 0:
            self.fastest = min(self.fastest, self.seconds_after)
        return code

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def stage(folder: Path, *modules: str) -> Iterator[Stage]:
    """A process that has imported `modules`; the first one's `run` is the command."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    temporary = folder / "temporary"
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER, *modules],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment | {"TF_CPP_MIN_LOG_LEVEL": "3", "TMPDIR": str(temporary)},
        text=True,
    ) as server:
        yield Stage(server, folder / "log", temporary)
        assert server.stdin is not None
        server.stdin.close()


def moments(count: int, seed: str) -> list[float]:
    """Uniformly random moments of a run, as parts of it."""
    draw = random.Random(seed)
    return [draw.random() for _ in range(count)]
