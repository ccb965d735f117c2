from __future__ import annotations

import asyncio
import json
import logging
import warnings

import pytest

from jetcal_operator.kube import logs

CHANGED = ("aiohttp.access", "kubernetes", "asyncio", "kopf", "kopf._core.reactor.running")


@pytest.fixture
def lines(capsys):
    """What is written to stderr; afterwards the loggers are as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in CHANGED}
    yield lambda: capsys.readouterr().err.splitlines()  # noqa: PLW0108  # read when asked, not now
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture
def log():
    return logging.getLogger("jetcal_operator.kube.engine")


def fail(text):
    raise RuntimeError(text)


def test_each_line_is_one_json_object_that_names_the_resource(lines):
    logs.configure("json", "info")
    with logs.about("jec", "ak4"):
        logging.getLogger("jetcal_operator.kube.engine").info("made %s\nand more", "Job")
    (line,) = [json.loads(line) for line in lines()]
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "jetcal_operator.kube.engine",
        "object": "jec/ak4",
        "message": "made Job\nand more",
    }


def test_an_exception_is_one_field(lines, log):
    logs.configure("json", "info")
    try:
        fail("nothing")
    except RuntimeError:
        log.exception("cannot")
    (line,) = [json.loads(line) for line in lines()]
    assert line["message"] == "cannot"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("RuntimeError: nothing")


def test_tasks_that_run_together_keep_their_resources_apart(lines):
    async def reconcile(name):
        with logs.about("jec", name):
            for _ in range(3):
                await asyncio.sleep(0)
                logging.getLogger("any.library").warning(name)

    async def together():
        await asyncio.gather(*(reconcile(name) for name in ("a", "b", "c")))

    logs.configure("json", "info")
    asyncio.run(together())
    found = [json.loads(line) for line in lines()]
    assert len(found) == 9
    assert all(line["object"] == f"jec/{line['message']}" for line in found)


def test_kopf_names_its_objects_itself(lines):
    logs.configure("json", "info")
    logging.getLogger("kopf.objects").warning(
        "seen", extra={"k8s_ref": {"namespace": "jec", "name": "ak4-x"}, "k8s_skip": True}
    )
    assert json.loads(lines()[0])["object"] == "jec/ak4-x"


def test_warnings_of_python_are_lines_too(lines):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logs.configure("json", "info")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    (line,) = [json.loads(line) for line in lines()]
    assert line["logger"] == "py.warnings"
    assert "DeprecationWarning: old" in line["message"]


def test_the_plain_form_is_for_people(lines):
    logs.configure("plain", "info")
    with logs.about("jec", "ak4"):
        logging.getLogger("x").warning("look here")
    logging.getLogger("x").info("general")
    logging.getLogger("x").debug("too much")
    first, second = lines()
    assert first.endswith(" WARNING jec/ak4: look here")
    assert second.endswith(" INFO    general")


def test_the_clients_bodies_are_not_written_even_in_debug(lines):
    logs.configure("json", "debug")
    logging.getLogger("kubernetes.aio.client.rest").debug("response body: secret")
    logging.getLogger("jetcal_operator").debug("ours")
    assert [json.loads(line)["message"] for line in lines()] == ["ours"]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("GET https://s3.example.org/jec/a.root?X-Amz-Credential=AKIA&X-Amz-Signature=abc123 failed", "abc123"),
        ("s3://key:hunter2@bucket/path", "hunter2"),
        ("https://user:hunter2@example.org/x", "hunter2"),
        ("Authorization: Bearer abcdefgh.ijkl", "abcdefgh"),
        ("token eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJl.c2lnbmF0dXJl leaked", "eyJpc3M"),
        ("AWS_SECRET_ACCESS_KEY=hunter2 set", "hunter2"),
        ('{"AWS_SECRET_ACCESS_KEY": "hunter2"}', "hunter2"),
        ("{'aws_session_token': 'hunter2'}", "hunter2"),
    ],
)
@pytest.mark.parametrize("form", ["json", "plain"])
def test_no_line_holds_a_secret(lines, text, secret, form):
    logs.configure(form, "info")
    logging.getLogger("x").info("%s", text)
    try:
        fail(text)
    except RuntimeError:
        logging.getLogger("x").exception("failed")
    written = lines()
    assert written
    assert secret not in "\n".join(written)


@pytest.mark.parametrize(
    "text",
    [
        "s3://jec/ntuples/JetNtuple_*.root",
        "https://10.0.0.1/apis/jetcal.dev/v1alpha1?labelSelector=jetcal.dev%2Fcalibration",
        "the Secret jec/s3 has no key AWS_SECRET_ACCESS_KEY; add it",
    ],
)
def test_what_is_no_secret_stays(text):
    assert logs.redact(text) == text


def test_an_unknown_level_is_refused(lines):
    with pytest.raises(ValueError, match="LOUD"):
        logs.configure("json", "loud")
    assert lines() == []
