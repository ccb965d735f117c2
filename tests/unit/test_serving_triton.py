"""What a client says of servers that are away, busy or no Triton; a real one answers in the end-to-end tests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jetcal.errors import JetcalError, TransientError
from jetcal.serving.triton import TritonModel


@contextmanager
def answering(reply: bytes) -> Iterator[str]:
    """The address of a server that says ``reply`` to whoever connects, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def http(status: str, body: str) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    )
    return f"{head}\r\n{body}".encode()


@pytest.mark.parametrize("url", ["localhost:8000", "grpc://localhost:8001", "http://", ""])
def test_an_address_is_http(url: str) -> None:
    with pytest.raises(JetcalError, match="is no address of a Triton server; write http://host:port"):
        TritonModel(url)


@pytest.mark.parametrize(
    "reply", [b"", b"SSH-2.0-server\r\n\r\n", http("503 Service Unavailable", '{"error":"unloading"}')]
)
def test_a_server_that_cuts_off_or_is_busy_is_worth_another_try(reply: bytes) -> None:
    with answering(reply) as url, TritonModel(url) as model, pytest.raises(TransientError, match=url):
        model.revision()


def test_a_server_that_never_loads_the_model_is_given_up_on_at_the_deadline() -> None:
    expected = pytest.raises(TransientError, match=r"was not ready within 0\.6 s: the model jetcal is not loaded")
    with answering(http("400 Bad Request", "")) as url, TritonModel(url) as model, expected:
        model.wait_ready(0.6)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (http("400 Bad Request", '{"error":"unknown model"}'), "unknown model"),
        (http("404 Not Found", "<html>\n<body>lost</body>\n</html>"), "is no Triton server"),
    ],
)
def test_a_refusal_is_told_in_one_line(reply: bytes, reason: str) -> None:
    with answering(reply) as url, TritonModel(url) as model, pytest.raises(JetcalError, match=reason) as refusal:
        model.revision()
    assert not isinstance(refusal.value, TransientError)
    assert "\n" not in str(refusal.value)


def test_another_model_has_no_revision() -> None:
    with answering(http("200 OK", '{"max_batch_size":0}')) as url, TritonModel(url) as model:
        assert model.revision() is None
