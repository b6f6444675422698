"""A store that is often busy, for tests: a proxy before a store of tests/object_stores.py.

It answers some requests with 503 or 429, by a seed, and the first that reads an object whose name
has a certain part with 404, as if it had not been written. A process of its own, as the store is.
"""

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BUSY = (503, 429)


@contextmanager
def before(store: int, share: float, missing: str = "") -> Iterator[tuple[int, Path]]:
    """The port of the proxy, and the file where it writes what it answered by itself."""
    command = [sys.executable, __file__, str(store), str(share), missing]
    proxy = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert proxy.stdout
    try:
        port, path = proxy.stdout.readline().split()
        yield int(port), Path(path)
    finally:
        proxy.terminate()
        proxy.wait()
        proxy.stdout.close()


class _Proxy(ThreadingHTTPServer):
    def __init__(self, store: int, share: float, missing: str, told: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.store, self.share, self.missing, self.told = store, share, missing, told
        self._random, self._lock = random.Random(1), threading.Lock()

    def own_answer(self, method: str, path: str) -> int | None:
        """The status with which the proxy answers by itself."""
        with self._lock:
            status = None
            if self.missing and self.missing in path and method in ("GET", "HEAD"):
                self.missing, status = "", 404
            elif self._random.random() < self.share:
                status = self._random.choice(BUSY)
            if status:
                with self.told.open("a") as file:
                    file.write(f"{status} {method} {path}\n")
            return status


class _Asked(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def answer(self) -> None:
        body = self._body()
        if status := self.server.own_answer(self.command, self.path):
            self._say(status, HTTPMessage(), b"")
            return
        store = HTTPConnection("127.0.0.1", self.server.store)
        skipped = ("transfer-encoding", "content-length", "expect")
        headers = {k: v for k, v in self.headers.items() if k.lower() not in skipped}
        store.request(self.command, self.path, body, headers | {"Content-Length": str(len(body))})
        found = store.getresponse()
        self._say(found.status, found.headers, found.read())
        store.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = answer

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _say(self, status: int, headers: HTTPMessage, content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("transfer-encoding", "connection"):
                self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    import tempfile

    told = Path(tempfile.mkstemp(prefix="flaky-store-")[1])
    proxy = _Proxy(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], told)
    print(proxy.server_port, told, flush=True)
    proxy.serve_forever()
