"""Expected failures: one message for a person, one exit code for a script, no traceback.

Standard library only: every stage imports this, the scorer too.
"""

import errno
import gc
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import IntEnum
from types import FrameType
from typing import NoReturn

from pipeline.console.log_format import EVERYWHERE, taken


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    FAULT = 1
    USAGE = 2
    OCCUPIED = 3
    BAD_ROWS = 4
    INTEGRITY = 5
    ENVIRONMENT = 6


class Failure(Exception):
    """A failure that is not a fault of ours.

    The message states the rule, then what was received:

    >>> raise Failure(Exit.USAGE, "--top-k must be at least 1", received="0")
    Traceback (most recent call last):
    pipeline.failures.Failure: --top-k must be at least 1. Received: 0
    """

    def __init__(self, exit_code: Exit, rule: str, *, received: object = None) -> None:
        super().__init__(rule if received is None else f"{rule}. Received: {received}")
        self.exit_code = exit_code


# An OSError of one of these kinds is about the machine, not about our code.
_ENVIRONMENT_ERRORS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EIO,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
}


_AGAIN = "the same command starts it again"
_DEBUG_OPTION, _DEBUG = "--debug", "PIPELINE_DEBUG"


def main(command: Callable[[Sequence[str]], None]) -> NoReturn:
    """Runs `command` with the process's arguments and exits as the contract says.

    With `--debug` among them, or `PIPELINE_DEBUG=1` in the environment, an expected failure keeps
    its traceback. The stages that a command starts inherit it.
    """
    _print_anywhere()
    signal.signal(signal.SIGTERM, _terminated)
    arguments = [argument for argument in sys.argv[1:] if argument != _DEBUG_OPTION]
    if len(arguments) < len(sys.argv) - 1:
        os.environ[_DEBUG] = "1"
    debug = os.environ.get(_DEBUG) == "1"
    try:
        command(taken(arguments))
    except Failure as failure:
        if debug:
            raise
        _let_go(failure)
        _end(failure.exit_code, str(failure))
    except KeyboardInterrupt as error:
        if debug:
            raise
        _let_go(error)
        _end(128 + signal.SIGINT, f"interrupted; {_AGAIN}")
    except OSError as error:
        if debug or error.errno not in _ENVIRONMENT_ERRORS:
            raise
        _let_go(error)
        _end(Exit.ENVIRONMENT, f"{error.strerror}: {error.filename or 'no path given'}")
    finally:
        if {"-h", "--help"} & set(sys.argv[1:]):
            print(f"\nEvery command also takes: {EVERYWHERE}")
    # Python would search all of TensorFlow for cycles before it ends: most of a second.
    gc.freeze()
    sys.exit(Exit.DONE)


def _print_anywhere() -> None:
    """What a console has no letters for is printed as its number: a name is no reason to end."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _let_go(error: BaseException | None) -> None:
    """Ends what was at work when the command failed. A reader that still reads ahead, in a thread
    of Arrow's, while Python shuts down would end the process by a signal."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def _terminated(number: int, _: FrameType | None) -> None:
    """Ends the process as SIGTERM does, but with a word. Training has a way of its own."""
    # The signal may come amid another line.
    with suppress(RuntimeError):
        print(f"error: ended by SIGTERM; {_AGAIN}", file=sys.stderr, flush=True)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _end(exit_code: int, message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(exit_code)
