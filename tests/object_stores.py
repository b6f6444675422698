"""Stores of objects on this machine, for tests: a fake Amazon S3 and a fake Google one."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

BUCKET = "tests-bucket"
# Rows to be prepared from a store, all of them good but for one more at the end.
SPEC = """
name: stored
vocabularies: {words: {}}
inputs: {word: {kind: category, vocabulary: words}, x: {kind: number}}
heads: {y: {kind: binary}}
split: {by: hash, columns: [x], eval: 0.2, test: 0.2}
"""
ROWS = 300
CSV = "word,x,y\n" + "".join(f"w{i % 7},{i},{i % 2}\n" for i in range(ROWS)) + "w,bad,1\n"
# Of an upload of which nothing has come yet the emulator says that it has the first byte; Google's
# own answer has no range then (https://cloud.google.com/storage/docs/performing-resumable-uploads).
_GOOGLE = """
from gcp_storage_emulator.handlers import objects
from gcp_storage_emulator.server import create_server

def incomplete(response, storage, upload_id, fallback_end=0):
    response.status = objects.GoogleHTTPStatus.RESUME_INCOMPLETE
    if received := storage.get_resumable_byte_count(upload_id):
        response["Range"] = "bytes=0-%d" % (received - 1)

objects._resumable_incomplete = incomplete
create_server("127.0.0.1", {port}, in_memory=True, default_bucket="BUCKET").run()
"""
_SERVERS = {
    "s3": "from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])",
    "gs": _GOOGLE.replace("BUCKET", BUCKET),
}


def environment(kind: str, port: int) -> dict[str, str]:
    if kind == "gs":
        return {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"}
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@contextmanager
def served(kind: str) -> Iterator[int]:
    """The port of a store, a process of its own: pyarrow keeps Python's lock in some calls."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-c", _SERVERS[kind].format(port=port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, server)
        yield port
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        assert server.poll() is None, "the store did not start"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the store does not answer")


@contextmanager
def named(kind: str, port: int, *, make: bool = True) -> Iterator[str]:
    """The scheme and the bucket of a store that everything in this process then finds."""
    from pipeline.storage import stores

    before = dict(os.environ)
    os.environ.update(environment(kind, port))
    stores._store.cache_clear()
    try:
        if kind == "s3" and make:
            url = f"http://127.0.0.1:{port}/{BUCKET}"
            urllib.request.urlopen(urllib.request.Request(url, method="PUT")).close()
        yield f"{kind}://{BUCKET}"
    finally:
        os.environ.clear()
        os.environ.update(before)
        stores._store.cache_clear()
