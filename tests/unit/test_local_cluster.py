"""The machine as a cluster: endpoints, services, what is put right at the start, and when a run has settled."""

from __future__ import annotations

import asyncio
import json
import socket

from tests.support.calibrations import calibration
from tests.support.machine import condition, job, opened, python, shell, turns_true

from jetcal_api.status import Status
from jetcal_operator.cluster import ObjectKey
from jetcal_operator.local.controllers.deployment import ADDRESS
from jetcal_operator.local.loop import settle
from jetcal_operator.local.running import PLATFORM
from jetcal_operator.platform import Platform

STOP = "serving.kserve.io/stop"


def endpoint(uri="s3://elsewhere/repository", **annotations):
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": "toy",
            "namespace": "default",
            "labels": {"jetcal.dev/calibration": "toy"},
            "annotations": annotations,
        },
        "spec": {"predictor": {"maxReplicas": 1, "model": {"storageUri": uri, "runtimeVersion": "26.06-py3"}}},
    }


KEY = ObjectKey.of(endpoint())


def resource(**spec):
    return calibration(**spec) | {"metadata": {"name": "toy", "namespace": "default"}}


def test_an_endpoint_that_cannot_run_here_says_so(tmp_path):
    async def main():
        async with opened(tmp_path) as machine:
            machine.store.create(endpoint())
            return await machine.until(
                lambda: (
                    (found := machine.store.get(KEY)).get("status")
                    and condition(found, "Ready")["status"] == "False"
                    and machine.cluster.controllers.idle
                    and found
                )
            )

    ready = condition(asyncio.run(main()), "Ready")
    assert ready["reason"] == "Unavailable"
    assert ready["message"] == "the model repository s3://elsewhere/repository is not on this machine"


def test_a_stopped_endpoint_says_so_for_each_generation(tmp_path):
    async def main():
        async with opened(tmp_path) as machine:
            machine.store.create(endpoint(**{STOP: "true"}))

            def stopped():
                found = machine.store.get(KEY)
                status = found.get("status", {})
                return status.get("observedGeneration") == found["metadata"]["generation"] and found

            assert condition(await machine.until(stopped), "Stopped")["status"] == "True"
            changed = endpoint()
            changed["spec"]["predictor"]["maxReplicas"] = 2
            await machine.cluster.apply(changed)
            found = await machine.until(stopped)
            assert found["metadata"]["generation"] == 2
            assert found["metadata"]["annotations"][STOP] == "true", "who stopped it keeps it stopped"
            assert condition(found, "Ready")["reason"] == "Stopped"

    asyncio.run(main())


def test_an_endpoint_with_another_model_is_started_to_be_verified(tmp_path):
    async def main():
        async with opened(tmp_path) as machine:
            machine.store.create(endpoint(**{STOP: "true"}))
            await machine.cluster.apply(endpoint("s3://elsewhere/next"))
            return machine.store.get(KEY)

    found = asyncio.run(main())
    assert STOP not in found["metadata"]["annotations"]
    assert condition(found, "Ready")["status"] == "Unknown"


def test_an_endpoint_whose_server_died_with_an_earlier_run_is_not_taken_for_ready(tmp_path):
    async def main():
        async with opened(tmp_path) as machine:
            machine.store.create(endpoint())
            ready = {"type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": ""}
            machine.store.write_status(machine.store.get(KEY), {"conditions": [ready], "url": "http://127.0.0.1:1"})
        async with opened(tmp_path) as machine:
            return machine.store.get(KEY)

    found = asyncio.run(main())
    assert condition(found, "Ready")["status"] == "Unknown"
    assert "url" not in found["status"]


def deployment(container):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "toy-tensorboard", "namespace": "default"},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [container]}}},
    }


def test_a_service_starts_with_the_first_worker_and_on_a_free_port(tmp_path):
    program = "import sys, time; print(*sys.argv[1:], flush=True); time.sleep(1000)"

    async def main(port):
        container = python(program, ports=[{"containerPort": port}])
        container["command"] += ["--host=0.0.0.0", f"--port={port}"]
        wanted = deployment(container)
        key = ObjectKey.of(wanted)
        async with opened(tmp_path) as machine:
            machine.store.create(wanted)
            machine.cluster.controllers.adjust()
            await asyncio.sleep(0)
            assert machine.cluster.controllers.idle, "nothing waits for it"
            assert not (tmp_path / ".jetcal/logs").exists()
            machine.store.create(job("train", shell("exit 0")))
            address = await machine.until(
                lambda: machine.store.get(key)["metadata"].get("annotations", {}).get(ADDRESS)
            )
            log = tmp_path / ".jetcal/logs/toy-tensorboard.log"
            await machine.until(lambda: machine.store.get(key)["status"]["availableReplicas"] == 1)
            await turns_true(log.read_text)
            assert f"toy-tensorboard: {address}" in machine.told
        return address, log.read_text(), machine.store.get(key)

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        address, told, stored = asyncio.run(main(taken))
    port = address.rstrip("/").rpartition(":")[2]
    assert port != str(taken)
    assert told == f"--host=127.0.0.1 --port={port}\n"
    assert stored["status"]["availableReplicas"] == 0
    assert ADDRESS not in stored["metadata"].get("annotations", {})


def record(name, **document):
    labels = {"jetcal.dev/calibration": "toy", "jetcal.dev/record": "revision"}
    metadata = {"name": name, "labels": labels}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"record.json": json.dumps(document)},
    }


def test_records_of_deleted_results_are_forgotten(tmp_path):
    kept = tmp_path / "kept.json"
    kept.write_text("{}")

    async def main():
        async with opened(tmp_path) as machine:
            machine.store.create(record("kept", verdict={"uri": str(kept)}, sequence=1))
            machine.store.create(record("lost", verdict={"uri": str(tmp_path / "lost.json")}))
            machine.store.create(record("remote", verdict={"uri": "s3://bucket/result.json"}))
            machine.cluster.forget_lost_results()
            return {entry["metadata"]["name"] for entry in machine.store.list("ConfigMap")}

    assert asyncio.run(main()) == {"kept", "remote"}


def test_a_status_of_another_version_does_not_stand_in_the_way(tmp_path):
    async def main():
        async with opened(tmp_path) as machine:
            machine.cluster.submit(resource())
            (stored,) = machine.store.list("JetCalibration")
            machine.store.write_status(stored, {"phase": "of the past"})
            return machine.cluster.resource("toy")

    assert asyncio.run(main()).status is None


def test_a_status_is_stored_beside_an_unchanged_spec(tmp_path):
    async def main():
        async with opened(tmp_path) as machine:
            machine.cluster.submit(resource())
            await machine.cluster.write_status(
                machine.cluster.resource("toy"), Status(observed_generation=1, stage="Tuning")
            )
            machine.cluster.submit(resource())
            same = machine.cluster.resource("toy")
            machine.cluster.submit(resource(historyLimit=3))
            return same, machine.cluster.resource("toy")

    same, edited = asyncio.run(main())
    assert (same.metadata.generation, same.status.stage) == (1, "Tuning")
    assert (edited.metadata.generation, edited.status.stage) == (2, "Tuning")


def test_a_suspended_calibration_settles_at_once(tmp_path):
    async def main():
        async with opened(tmp_path) as machine:
            machine.cluster.submit(resource(suspend=True))
            return await settle(machine.cluster, Platform(), "toy")

    assert asyncio.run(main()).status.stage == "Suspended"


def test_a_failed_stage_settles_with_the_workers_sentence(tmp_path):
    """The worker is real: the ntuples that the glob names are missing."""
    storage = {"uri": str(tmp_path)}
    document = resource(storage=storage, dataset={"files": [str(tmp_path / "missing/*.root")]})

    async def main():
        async with opened(tmp_path) as machine:
            machine.cluster.submit(document)
            return await settle(machine.cluster, PLATFORM, "toy")

    settled = asyncio.run(main())
    ready = next(entry for entry in settled.status.conditions if entry.type == "Stalled")
    assert (
        f"{tmp_path}/missing/*.root: no file matches; mend spec.dataset.files (log: {tmp_path}/.jetcal/logs/"
        in ready.message
    )
