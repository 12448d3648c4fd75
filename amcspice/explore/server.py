"""`Explorer`: the page and its answers over HTTP, for this machine alone.

Nothing but 127.0.0.1 is listened at.  A page of another site could still ask a browser to come
here, by a name of its own that it lets point to this machine: requests must name this machine as
their host, and as their origin where they say one.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib.resources
import importlib.util
import json
import re
import threading
import warnings
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson

from amcspice.errors import AccuracyWarning, AmcspiceError, CautionWarning, InputError
from amcspice.explore.copies import copies
from amcspice.explore.figures import budget_of, figures_of
from amcspice.explore.session import Session
from amcspice.extras import extra

__all__ = ["HOST", "Explorer"]

HOST = "127.0.0.1"
"""The only address that is listened at."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""What the browser may load: nothing from elsewhere; plotly.js writes styles into its plots."""

MOST_BYTES = 4 << 20
"""Largest body of a request."""

MOST_DROPPED = 64 << 20
"""Bytes of a larger one that are read to be dropped."""

PATIENCE = 1.0
"""Seconds that the next of them are waited for."""

_PAGES = {
    "/": ("amcspice.explore", "page/explore.html", "text/html"),
    "/explore.css": ("amcspice.explore", "page/explore.css", "text/css"),
    "/explore.js": ("amcspice.explore", "page/explore.js", "text/javascript"),
    "/report.css": ("amcspice.view", "templates/report.css", "text/css"),
    "/shared.js": ("amcspice.view", "templates/shared.js", "text/javascript"),
}


class Superseded(Exception):  # noqa: N818
    """A newer question came."""


class Explorer:
    """Serves one page; `close` it, or use it as a context.

    Parameters
    ----------
    session : Session
    port : int
        0 takes a free one.

    Raises
    ------
    InputError
        If the port is taken.
    """

    def __init__(self, session: Session, port: int = 0) -> None:
        self.session = session
        self.plotly = gzip.compress(_plotly(), compresslevel=6, mtime=0)
        self._newest, self._running = 0, False
        self._counting, self._computing = threading.Lock(), threading.Lock()
        handler = type("Handler", (_Handler,), {"explorer": self})
        try:
            self._server = _Server((HOST, port), handler)
        except OSError as error:
            raise InputError(
                f"port {port} cannot be had ({error.strerror}); choose another, or 0 for a free one"
            ) from None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        """Of the page."""
        return f"http://{HOST}:{self.port}/"

    def run(self) -> None:
        """Answer requests until `close`."""
        self._running = True
        self._server.serve_forever(poll_interval=0.1)

    def close(self) -> None:
        """Stop answering."""
        if self._running:
            self._server.shutdown()
        self._server.server_close()

    def figures(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the figures of a state; whatever else is worked out meanwhile ends."""
        with self._counting:
            self._newest += 1
        with self._computing:
            return _with_warnings(lambda: figures_of(self.session.ask(state)))

    def budget(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the error budget of a state.

        Raises
        ------
        Superseded
            If figures of a newer one are asked for.
        """
        number = self._newest

        def watch(_count: float) -> None:
            if self._newest != number:
                raise Superseded

        with self._computing:
            watch(0)
            return _with_warnings(lambda: budget_of(self.session.ask(state), watch).to_json())

    def copies(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return a state as Python, command and experiment file."""
        return copies(self.session.ask(state))


def _with_warnings(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return figures, warnings of accuracy among their cautions."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore", CautionWarning)
        warnings.simplefilter("always", AccuracyWarning)
        found = work()
    said = [str(each.message) for each in caught]
    return {**found, "cautions": list(dict.fromkeys((*found.get("cautions", ()), *said)))}


def _plotly() -> bytes:
    """Return plotly.js; its package is not imported, which takes long."""
    with extra("report"):
        found = importlib.util.find_spec("plotly")
        if found is None or found.origin is None:
            raise ModuleNotFoundError("No module named 'plotly'", name="plotly")
    return (Path(found.origin).parent / "package_data" / "plotly.min.js").read_bytes()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


class _Handler(BaseHTTPRequestHandler):
    explorer: Explorer
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 600

    def do_GET(self) -> None:
        """Answer with a part of the page."""
        if not self._is_ours():
            return
        path = self.path.partition("?")[0]
        if path in _PAGES:
            package, name, kind = _PAGES[path]
            content = importlib.resources.files(package).joinpath(name).read_bytes()
            self._send(HTTPStatus.OK, content, f"{kind}; charset=utf-8")
        elif path == "/plotly.js":
            packed = {"Content-Encoding": "gzip", "Cache-Control": "max-age=86400"}
            self._send(HTTPStatus.OK, self.explorer.plotly, "text/javascript", packed)
        elif path == "/contents":
            self._answer(lambda: self.explorer.session.contents)
        elif path.startswith("/circuit/") and (drawing := _drawing(path[9:])) is not None:
            self._send(HTTPStatus.OK, drawing, "image/svg+xml")
        else:
            self._send(HTTPStatus.NOT_FOUND, b"no such page\n", "text/plain")

    def do_HEAD(self) -> None:
        """Answer as to GET, without the content."""
        self.do_GET()

    def do_POST(self) -> None:
        """Answer a question."""
        if not self._is_ours():
            return
        length = self.headers.get("Content-Length", "")
        if re.fullmatch("[0-9]{1,18}", length) is None:
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "the question must say how long it is")
            return
        if int(length) > MOST_BYTES:
            self._refuse(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"{int(length):,} bytes: the page takes up to {MOST_BYTES:,}",
            )
            return
        body = self.rfile.read(int(length))
        path, _, name = self.path.partition("?")
        explorer = self.explorer
        questions = {
            "/figures": explorer.figures, "/budget": explorer.budget, "/copies": explorer.copies,
        }  # fmt: skip
        if path in questions:
            self._answer(lambda: questions[path](_state(body)))
        elif path == "/matrix":
            self._answer(lambda: explorer.session.keep(_unquoted(name), body))
        else:
            self._send(HTTPStatus.NOT_FOUND, b"no such page\n", "text/plain")

    def _is_ours(self) -> bool:
        """Whether a request names this machine; if not, it is refused."""
        names = {f"{host}:{self.explorer.port}" for host in (HOST, "localhost")}
        origin = self.headers.get("Origin")
        ours = self.headers.get("Host") in names
        ours = ours and (origin is None or origin in {f"http://{name}" for name in names})
        if not ours:
            self.close_connection = True
            self._send(HTTPStatus.FORBIDDEN, b"this page is for this machine alone\n", "text/plain")
        return ours

    def _answer(self, work: Callable[[], Any]) -> None:
        """Send what comes out, or why it does not."""
        try:
            content, status = _as_json(work()), HTTPStatus.OK
        except Superseded:
            content, status = _as_json({"superseded": True}), HTTPStatus.OK
        except AmcspiceError as error:
            content, status = _as_json({"error": str(error)}), HTTPStatus.UNPROCESSABLE_ENTITY
        except Exception as error:
            said = f"internal error, {type(error).__name__}: {error}"
            content, status = _as_json({"error": said}), HTTPStatus.INTERNAL_SERVER_ERROR
        self._send(status, content, "application/json")

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        """Refuse a question unread; who is still sending it must be able to read why."""
        self.close_connection = True
        self._send(status, _as_json({"error": reason}), "application/json")
        self.wfile.flush()
        self.connection.settimeout(PATIENCE)
        dropped = 0
        with contextlib.suppress(OSError):
            while dropped < MOST_DROPPED and (part := self.rfile.read1(1 << 16)):
                dropped += len(part)

    def _send(
        self, status: HTTPStatus, content: bytes, kind: str, more: dict[str, str] | None = None
    ) -> None:
        headers = {
            "Content-Type": kind, "Content-Length": str(len(content)), "Cache-Control": "no-store",
            "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
            **(more or {}),
        }  # fmt: skip
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of requests."""


def _state(body: bytes) -> dict[str, Any]:
    try:
        state = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("the question is no JSON") from None
    if not isinstance(state, dict):
        raise InputError("the question must be names and values")
    return state


def _unquoted(name: str) -> str:
    from urllib.parse import unquote

    return unquote(name)


def _as_json(content: Any) -> bytes:
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(content, default=_plain, option=options)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is nothing that JSON holds")


def _drawing(name: str) -> bytes | None:
    """Return the drawing of a circuit; circuits of one kind share theirs."""
    here = Path(__file__).parent
    packaged, beside = here / "drawings", here.parents[1] / "docs" / "images"
    folder = packaged if packaged.is_dir() else beside
    known = {path.stem.removeprefix("circuit-"): path for path in folder.glob("circuit-*.svg")}
    plain = name.removesuffix(".svg")
    path = known.get(plain) or known.get(plain.partition("-")[0])
    return None if path is None else path.read_bytes()
