"""Serves optuna-dashboard for a study's storage: `python -m dcgan_sweeps.dashboard JOURNAL PORT`.

A storage other than a journal is passed in the environment, where other users of the machine
cannot read its password.

It answers only a browser on this machine, and no foreign page in it. Any page may send requests to
127.0.0.1: through a host name that resolves to it (DNS rebinding), or across origins.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import make_server

from dcgan_sweeps.sweep.storage import open_storage

STORAGE = "DCGAN_SWEEPS_STORAGE"
HOST = "127.0.0.1"
OWN_HOSTS = (HOST, "localhost", "::1")  # on any port, since a tunnel uses another one
OWN_SITES = ("same-origin", "none")  # "none": an address that was typed

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def main() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warning that it is experimental
        from optuna_dashboard import wsgi
    journal, port = sys.argv[1:]
    storage = open_storage(os.environ.get(STORAGE) or None, Path(journal))
    make_server(HOST, int(port), guard(wsgi(storage))).serve_forever()


def guard(application: Application) -> Application:
    """Wrap an application so that it answers 403 to requests from other hosts and origins."""

    def answer(request: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        fault = find_foreign(request)
        if fault is None:
            return application(request, start)
        start("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [fault.encode()]

    return answer


def find_foreign(request: Mapping[str, Any]) -> str | None:
    """Return the faulty header of a request from a foreign page; None for other requests."""
    host = request.get("HTTP_HOST", "")
    if _read_name(host) not in OWN_HOSTS:
        return "Host: only 127.0.0.1 and localhost are allowed"
    origin = request.get("HTTP_ORIGIN")
    if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
        return "Origin: only this server's own origin is allowed"
    is_read = request.get("REQUEST_METHOD") in ("GET", "HEAD")
    if not is_read and request.get("HTTP_SEC_FETCH_SITE", "none") not in OWN_SITES:
        return "Sec-Fetch-Site: only same-origin is allowed"
    return None


def _read_name(host: str) -> str | None:
    """Return the name in a Host header, None if the header is malformed."""
    try:
        parts = urlsplit(f"http://{host}")
        _ = parts.port
    except ValueError:  # an invalid port or IPv6 address
        return None
    return parts.hostname if parts.netloc == host and parts.username is None else None


if __name__ == "__main__":
    main()
