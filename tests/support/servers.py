"""Real servers of files for tests: a web server of the standard library and Debian's XRootD."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tests.support.parts import missing
from tests.support.ports import free_port

_DEADLINE = 20


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """Address of a web server over ``folder``."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def xrootd_server(folder: Path, work: Path) -> Iterator[str]:
    """Address of an XRootD server that exports ``folder`` under its own path; skips the test where there is none."""
    program = shutil.which("xrootd")
    if program is None:
        missing("no XRootD server: on Debian, apt-get install xrootd-server")
    port = free_port()
    work.mkdir(parents=True, exist_ok=True)
    settings = f"xrd.port {port}\nall.export {folder} r/o\nall.adminpath {work}\nall.pidpath {work}\n"
    (work / "xrootd.cfg").write_text(settings)
    command = [program, "-c", work / "xrootd.cfg", "-l", work / "xrootd.log", "-I", "v4"]
    if os.getuid() == 0:
        command += ["-R", "nobody"]
        work.chmod(0o777)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(port, process, work / "xrootd.log")
            yield f"root://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"xrootd did not start: {log.read_text()[-2000:] if log.exists() else 'no log'}")
