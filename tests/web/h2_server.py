"""A TLS server that speaks HTTP/2 and nothing else, with a certificate made for the test (openssl must be there)."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from pathlib import Path

import h2.config
import h2.connection
import h2.events


def make_certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate for `name`, key and certificate in one file. Raises FileNotFoundError without openssl."""
    path = folder / "server.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    command += [
        "-subj",
        f"/CN={name}",
        "-addext",
        f"subjectAltName=DNS:{name}",
        "-keyout",
        str(path),
        "-out",
        str(folder / "c"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + (folder / "c").read_text())
    return path


class Http2Site:
    """Answers every request with `body`; `names` are the server names that clients asked for (SNI)."""

    def __init__(self, certificate: Path, body: bytes) -> None:
        self.names: list[str | None] = []
        self.authorities: list[str] = []
        self._body = body
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._context.set_alpn_protocols(["h2"])
        self._context.sni_callback = lambda sock, name, context: self.names.append(name)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Http2Site:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        self._socket.settimeout(0.2)
        while self._socket.fileno() >= 0:
            try:
                plain, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with plain:
                try:
                    with self._context.wrap_socket(plain, server_side=True) as stream:
                        self._talk(stream)
                except OSError:
                    continue

    def _talk(self, stream: ssl.SSLSocket) -> None:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        stream.sendall(connection.data_to_send())
        while data := stream.recv(65_536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self.authorities.append(dict(event.headers)[":authority"])
                    answer = [
                        (":status", "200"),
                        ("content-type", "text/html"),
                        ("content-length", str(len(self._body))),
                    ]
                    connection.send_headers(event.stream_id, answer)
                    connection.send_data(event.stream_id, self._body, end_stream=True)
            stream.sendall(connection.data_to_send())
