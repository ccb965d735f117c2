"""The rules by which tests disturb an operator."""

from __future__ import annotations

import json

import pytest
from tests.support import faults
from tests.support.faults import Refuse, Rule, read_call

JOBS = "/apis/batch/v1/namespaces/jec/jobs"


@pytest.mark.parametrize(
    ("method", "target", "told", "mutates"),
    [
        ("GET", JOBS, "list jobs", False),
        ("GET", f"{JOBS}?watch=true&resourceVersion=7", "watch jobs", False),
        ("GET", f"{JOBS}/a", "get jobs a", False),
        ("POST", JOBS, "create jobs", True),
        ("PATCH", f"{JOBS}/a/status?fieldManager=x", "patch jobs/status a", True),
        ("DELETE", f"{JOBS}/a", "delete jobs a", True),
        ("GET", "/api/v1/pods?watch=1", "watch pods", False),
        ("GET", "/api/v1/namespaces/jec", "get namespaces jec", False),
        ("GET", "/apis/batch/v1", "get /apis/batch/v1", False),
    ],
)
def test_a_request_is_read_as_the_api_server_reads_it(method, target, told, mutates):
    call = read_call(method, target)
    assert str(call) == told
    assert call.mutates is mutates


def test_a_rule_plays_its_fault_for_the_calls_that_it_means_and_no_more():
    rule = Rule(Refuse(500), faults.on("jobs", "create"), skip=1, times=2)
    calls = [read_call("POST", JOBS), read_call("GET", JOBS)] * 4
    assert [rule.applies(call) for call in calls] == [False, False, True, False, True, False, False, False]
    assert rule.fired == 2


def test_events_are_swapped_in_one_watch_and_not_among_several():
    stream = faults.reorder()
    one, other = stream.begin(), stream.begin()
    assert [list(one({}, b"1")), list(other({}, b"a")), list(one({}, b"2")), list(other({}, b"b"))] == [
        [], [], [b"2", b"1"], [b"b", b"a"]
    ]  # fmt: skip


def test_a_dropped_event_is_no_bookmark():
    listener = faults.drop().begin()
    assert list(listener({"type": "MODIFIED"}, b"x")) == []
    assert list(listener({"type": "BOOKMARK"}, b"x")) == [b"x"]


def test_a_hidden_kind_is_neither_listed_by_discovery_nor_found():
    replace, refuse = faults.hidden("kubeflow.org", "experiments")
    names = [{"name": name} for name in ("experiments", "experiments/status", "trials")]
    assert replace.applies(read_call("GET", "/apis/kubeflow.org/v1beta1"))
    assert replace.fault.change({"resources": names}) == {"resources": [{"name": "trials"}]}
    assert refuse.applies(read_call("GET", "/apis/kubeflow.org/v1beta1/namespaces/jec/experiments"))
    assert not refuse.applies(read_call("GET", "/apis/kubeflow.org/v1beta1/namespaces/jec/trials"))


def test_a_stream_that_expires_says_so_and_ends():
    line, end = faults.error(410).begin()({"type": "ADDED"}, b"x")
    assert json.loads(line)["object"]["reason"] == "Expired"
    assert end == "cut"
