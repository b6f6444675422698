"""gs:// on this machine, for tests: TensorFlow's own client of Google's storage, and an emulator.

The client has its servers' names built in. It does go through the proxy of the environment, and
trusts a certificate of the environment: the proxy here answers in the servers' place, and hands
what it is asked for to the emulator.
"""

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any
from unittest.mock import patch

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from gcp_storage_emulator.handlers import objects
from gcp_storage_emulator.server import create_server

BUCKET = "tests-bucket"
_MEDIA_UPLOAD = objects._media_upload
SERVERS = ("www.googleapis.com", "storage.googleapis.com")


@contextmanager
def served(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which gs://tests-bucket is there; `folder` is for the certificate."""
    certificate, key = self_signed(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    emulator = create_server("127.0.0.1", port, in_memory=True, default_bucket=BUCKET)
    emulator.start()
    empty_files = patch.object(objects, "_media_upload", media_upload)
    with empty_files, Proxy(certificate, key, port) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{proxy.server_address[1]}"
        yield {
            "http_proxy": address,
            "https_proxy": address,
            "CURL_CA_BUNDLE": str(certificate),
            "GOOGLE_AUTH_TOKEN_FOR_TESTING": "anybody",
        }
        proxy.shutdown()
    emulator.stop()


def media_upload(request: Any, *others: Any) -> None:
    """As the emulator's, which cannot take an empty file: the client marks a folder with one."""
    if request.data is None:
        request._data = b""
    _MEDIA_UPLOAD(request, *others)


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for the servers, and its key."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    day, now = datetime.timedelta(days=1), datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(server) for server in SERVERS])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem", folder / "key.pem"


class Proxy(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, certificate: Path, key: Path, emulator: int) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)
        self.emulator = emulator


class _Asked(StreamRequestHandler):
    rbufsize = 0
    server: Proxy

    def handle(self) -> None:
        method, url, version = self.rfile.readline().decode().split()
        headers = list(iter(self.rfile.readline, b"\r\n"))
        with socket.create_connection(("127.0.0.1", self.server.emulator)) as emulator:
            if method == "CONNECT":
                self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                with self.server.tls.wrap_socket(self.connection, server_side=True) as client:
                    exchange(client, emulator)
            else:
                path = url.split("/", 3)[3]
                emulator.sendall(f"{method} /{path} {version}\r\n".encode())
                emulator.sendall(b"".join(unambiguous(headers)) + b"\r\n")
                exchange(self.connection, emulator)


def exchange(client: socket.socket, emulator: socket.socket) -> None:
    back = threading.Thread(target=pump, args=(emulator, client), daemon=True)
    back.start()
    pump(client, emulator)
    back.join()


def unambiguous(headers: list[bytes]) -> list[bytes]:
    """Without a length where the body says its own: RFC 9112, section 6.3, which the emulator does
    not follow."""
    if not any(header.lower().startswith(b"transfer-encoding") for header in headers):
        return headers
    return [header for header in headers if not header.lower().startswith(b"content-length")]


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the other side has hung up
