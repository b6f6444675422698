"""A run of local worker processes ends where one is killed: Beam alone may wait for ever."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.failures import Exit, Failure

# How long a run whose worker was killed may take to end by itself.
LOST_AFTER_S = 5.0
RULE = "every worker process must run to its end"


@contextmanager
def no_worker_lost() -> Iterator[None]:
    """Raises Failure 6 where a worker is killed; ends this process where Beam does not let go."""
    lost: list[str] = []
    usual = threading.excepthook
    # Where the worker had not begun, Beam waits for it even then.
    last = threading.Timer(LOST_AFTER_S, lambda: _end(f"error: {RULE}. Received: {lost[0]}"))
    last.daemon = True

    def told(of: threading.ExceptHookArgs) -> None:
        if "Worker subprocess exited" not in str(of.exc_value):
            usual(of)
            return
        lost.append(str(of.exc_value))
        if len(lost) == 1:
            # A real signal: nothing else wakes a thread that waits for a lock.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            last.start()

    threading.excepthook = told
    try:
        yield
    except (KeyboardInterrupt, RuntimeError) as error:
        if not lost and "Channel closed prematurely" not in str(error):
            raise
        said = lost[0] if lost else "its connection was closed"
        raise Failure(Exit.ENVIRONMENT, RULE, received=said) from None
    finally:
        threading.excepthook = usual
        last.cancel()


def _end(said: str) -> None:
    """Ends this process and its workers, which would ask for it for ever."""
    for shell in _workers(os.getpid()):
        for pid in [*_workers(shell), shell]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    print(said, file=sys.stderr, flush=True)
    os._exit(Exit.ENVIRONMENT)


def _workers(parent: int) -> list[int]:
    """The processes that a process has started as workers, or as their shells."""
    threads = Path(f"/proc/{parent}/task").glob("*/children")
    children = [int(pid) for thread in threads for pid in thread.read_text().split()]
    return [
        pid for pid in children if b"sdk_worker_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
