"""Loading of TensorFlow and its like: quietly, and without searches of Python's for cycles."""

import gc
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

# Two at once would each take the other's file for the terminal.
_TERMINAL = threading.Lock()


@contextmanager
def quiet_import() -> Iterator[None]:
    """Holds back stderr, the C++ libraries' too, and shows it only if the import fails.

    Their first lines come before any setting could stop them; the one made here stops the rest.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    with _TERMINAL, _without_garbage(), tempfile.TemporaryFile() as held:
        terminal = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


@contextmanager
def _without_garbage() -> Iterator[None]:
    """Puts off the search for cycles, and spares it what was loaded: these objects, a million of
    them, stay to the end. Searches would be a fifth of what a short stage takes."""
    loaded, enabled = len(sys.modules), gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > loaded:
            gc.freeze()
        if enabled:
            gc.enable()


@cache
def tensorflow() -> Any:
    """TensorFlow, loaded when it is first asked for.

    That takes seconds: a worker reads and learns without it, and so does whoever only starts a job.
    """
    with quiet_import():
        import tensorflow as tf
    return tf
