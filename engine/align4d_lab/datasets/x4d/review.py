"""Looks through a dataset in a browser on this machine, and remembers what is kept and dropped."""

from __future__ import annotations

import json
import secrets
import threading
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .gallery import write_gallery
from .manifest import choose, write_manifest

TYPES = {".html": "text/html; charset=utf-8", ".webp": "image/webp"}
"""What is served: the page and its previews, nothing else of the disk."""

LONGEST_BODY = 4096


def make_server(out: Path, port: int = 0) -> tuple[ThreadingHTTPServer, str]:
    """A server for this machine alone, and the address of the page. The address holds a secret, so that no other page can choose."""
    secret = secrets.token_urlsafe(16)
    server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, out.resolve(), f"/{secret}/", threading.Lock()))
    return server, f"http://127.0.0.1:{server.server_address[1]}/{secret}/"


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, out: Path, prefix: str, lock: threading.Lock, *arguments: object) -> None:
        self.out, self.prefix, self.lock = out, prefix, lock
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].removeprefix(self.prefix) or "index.html"
        path = (self.out / name).resolve()
        allowed = self.path.startswith(self.prefix) and path.is_relative_to(self.out) and path.suffix in TYPES
        if not allowed or not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self._answer(path.read_bytes(), TYPES[path.suffix])

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if self.path != f"{self.prefix}choices" or not 0 < length <= LONGEST_BODY:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            asked = json.loads(self.rfile.read(length))
            with self.lock:
                choose(self.out, asked["id"], asked["choice"])
                write_gallery(self.out, write_manifest(self.out))
        except (ValueError, KeyError, TypeError) as error:
            self.send_error(HTTPStatus.BAD_REQUEST, str(error)[:200])
            return
        self._answer(b"{}", "application/json")

    def log_message(self, *_: object) -> None:
        """Says nothing on the terminal."""

    def _answer(self, content: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)
