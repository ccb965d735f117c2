"""What a client says of servers that are away, busy or no Triton; a real one answers in the end-to-end tests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from tests.support.toys import toy_jets

from jetcal.data.jets import take
from jetcal.errors import JetcalError, TransientError
from jetcal.serving.answers import answers
from jetcal.serving.triton import FEW, STEP, TritonModel, filled_up


@contextmanager
def answering(reply: bytes, heard: list[bytes] | None = None) -> Iterator[str]:
    """The address of a server that notes what it is asked, says ``reply`` to whoever connects, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    asked = connection.recv(65536)
                    if heard is not None:
                        heard.append(asked)
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


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://localhost:8001", "http://", "grpc://", "grpc", ""])
def test_an_address_is_http_or_grpc(url: str) -> None:
    with pytest.raises(JetcalError, match="is no address of a Triton server; write http://host:port or grpc://host:"):
        TritonModel(url)


@pytest.mark.parametrize(
    "reply", [b"", b"SSH-2.0-server\r\n\r\n", http("503 Service Unavailable", '{"error":"unloading"}')]
)
def test_a_server_that_cuts_off_or_is_busy_is_worth_another_try(reply: bytes) -> None:
    with answering(reply) as url, TritonModel(url) as model, pytest.raises(TransientError, match=url):
        model.revision()


def test_a_grpc_server_that_is_away_is_worth_another_try() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"grpc://127.0.0.1:{closed.getsockname()[1]}"
        with TritonModel(url) as model, pytest.raises(TransientError, match=url) as refusal:
            model.predict(toy_jets(3))
    assert "\n" not in str(refusal.value)


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


def test_the_configuration_is_asked_for_once() -> None:
    heard: list[bytes] = []
    nothing = take(toy_jets(2), np.array([], int))
    config = http("200 OK", '{"max_batch_size":8,"output":[{"dims":["3"]}]}')
    with answering(config, heard) as url, TritonModel(url) as model:
        for _ in range(2):
            assert answers(model, nothing)["correction"].shape == (0,)
    assert len(heard) == 1


def test_few_jets_are_filled_up_to_a_length_that_others_have_too() -> None:
    few, many = np.ones((FEW, STEP + 1, 6), np.float32), np.ones((FEW + 1, STEP + 1, 6), np.float32)
    filled = filled_up(few)
    assert filled.shape == (FEW, 2 * STEP, 6)
    np.testing.assert_array_equal(filled[:, : STEP + 1], few)
    assert not filled[:, STEP + 1 :].any()
    assert filled_up(filled) is filled
    assert filled_up(many) is many
