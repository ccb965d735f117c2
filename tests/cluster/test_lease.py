"""Leadership on a real API server, and that the one in memory answers alike."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from kubernetes.aio.client import ApiClient, Configuration
from tests.support.lease_api import LeaseClient, LeaseStore

from jetcal_operator.kube.lease import Lease

TIME = "2026-01-01T00:00:00.000000Z"
SPEC = {
    "holderIdentity": "a",
    "leaseDurationSeconds": 15,
    "renewTime": TIME,
    "acquireTime": TIME,
    "leaseTransitions": 0,
}


@pytest.fixture(scope="module")
def namespace(plain_control_plane):
    return plain_control_plane.namespace()


@asynccontextmanager
async def connected(plane):
    configuration = Configuration(host=plane.url, api_key={"BearerToken": plane.admin})
    configuration.api_key_prefix = {"BearerToken": "Bearer"}
    configuration.ssl_ca_cert = str(plane.ca)
    async with ApiClient(configuration) as client:
        yield client


async def conversation(client, namespace):
    """What an API server answers to all that a Lease says, and to some things that it should not say."""
    path, told = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases", []

    async def say(method, name="", body=None):
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        request = await client.param_serialize(
            method, path + name, header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        answer = await client.call_api(*request)
        found = json.loads(await answer.read())
        told.append((method, answer.status, found.get("reason"), found.get("spec")))
        return found

    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l", "namespace": namespace}}
    await say("GET", "/l")
    first = await say("POST", body=body | {"spec": SPEC})
    await say("POST", body=body | {"spec": SPEC})
    second = await say("PUT", "/l", first | {"spec": SPEC | {"holderIdentity": "b"}})
    await say("PUT", "/l", first | {"spec": SPEC | {"holderIdentity": "c"}})
    nobody = {name: value for name, value in SPEC.items() if name != "holderIdentity"}
    third = await say("PUT", "/l", second | {"spec": nobody})
    await say("GET", "/l")
    await say("DELETE", "/l")
    await say("PUT", "/l", third)
    await say("GET", "/l")
    await say("PUT", "/l", body | {"metadata": {"name": "l", "resourceVersion": "1"}, "spec": SPEC})
    await say("PUT", "/l", third)
    return told


def test_the_lease_api_in_memory_answers_as_the_real_one(plain_control_plane, namespace):
    async def real():
        async with connected(plain_control_plane) as client:
            return await conversation(client, namespace)

    told = asyncio.run(real())
    assert [status for _, status, *_ in told] == [404, 201, 409, 200, 409, 200, 200, 200, 409, 404, 201, 409]
    assert told == asyncio.run(conversation(LeaseClient(LeaseStore()), namespace))


def test_one_of_three_leads_and_hands_over(plain_control_plane, namespace):
    async def story():
        async with connected(plain_control_plane) as client, asyncio.timeout(60):
            leases = [Lease(client, namespace, "three", name, duration_seconds=6, renew_seconds=2) for name in "abc"]
            tasks = {lease: asyncio.create_task(lease.run()) for lease in leases}
            order = []
            while tasks:
                waiting = {asyncio.create_task(lease.held()): lease for lease in tasks}
                done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in pending:
                    task.cancel()
                (leader,) = (waiting[task] for task in done)
                order.append(leader)
                assert [lease for lease in leases if lease.is_held] == [leader]
                tasks[leader].cancel()
                await asyncio.gather(tasks.pop(leader), return_exceptions=True)
            assert len(set(order)) == 3

    asyncio.run(story())
    spec = plain_control_plane.get("leases", "three", namespace)["spec"]
    assert "holderIdentity" not in spec
    assert spec["leaseTransitions"] == 2
