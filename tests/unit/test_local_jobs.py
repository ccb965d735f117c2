"""Job, PyTorchJob and TrainJob carried out by real small programs."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest
from tests.support.calibrations import calibration
from tests.support.machine import condition, end_of, job, opened, python, pytorch_job, shell, turns_true

from jetcal_operator.cluster import Deletion, ObjectKey

SAY = "printf '%s' '{0}' > \"$JETCAL_TERMINATION_LOG\""


def carry_out(tmp_path, *manifests, **size):
    """The objects once all have ended, with their Pods, and the cluster's observation of them."""

    async def main():
        async with opened(tmp_path, **size) as machine:
            document = calibration() | {"metadata": {"name": "toy", "namespace": "default"}}
            machine.cluster.submit(document)
            for manifest in manifests:
                machine.store.create(manifest)
            ended = [await machine.ended(manifest) for manifest in manifests]
            return ended, [machine.pods(entry) for entry in ended], await machine.cluster.observe("default", "toy")

    return asyncio.run(main())


def test_a_job_ends_complete_with_its_answer(tmp_path):
    (ended,), (pods,), observed = carry_out(tmp_path, job("inventory", shell(SAY.format('{"uri": "", "files": 3}'))))
    assert end_of(ended) == "Complete"
    assert ended["status"]["succeeded"] == 1
    assert pods[0]["status"]["phase"] == "Succeeded"
    assert json.loads(observed.results[ObjectKey.of(ended)]) == {"uri": "", "files": 3}
    assert not observed.failures


def test_an_answer_whose_result_is_gone_does_not_count(tmp_path):
    result = tmp_path / "result.json"
    result.write_text("{}")
    said = json.dumps({"uri": str(result)})
    (ended,), _, observed = carry_out(tmp_path, job("inventory", shell(SAY.format(said))))
    assert json.loads(observed.results[ObjectKey.of(ended)]) == {"uri": str(result)}

    async def observe_again():
        async with opened(tmp_path) as machine:
            result.unlink()
            return await machine.cluster.observe("default", "toy")

    assert ObjectKey.of(ended) not in asyncio.run(observe_again()).results


def test_a_failure_tells_the_workers_last_sentence_and_its_log(tmp_path):
    sentence = "a.root: has no tree AK4jets/jetTree."
    rules = {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}]}
    script = f"{SAY.format(sentence)}; echo more; exit 1"
    wanted = job("prepare", shell(script), podFailurePolicy=rules, backoffLimit=3)
    (ended,), (pods,), observed = carry_out(tmp_path, wanted)
    assert condition(ended, "Failed")["reason"] == "PodFailurePolicy"
    assert len(pods) == 1, "a permanent failure is not tried again"
    log = tmp_path / ".jetcal/logs" / f"{pods[0]['metadata']['name']}.log"
    assert observed.failures[ObjectKey.of(ended)] == f"a.root: has no tree AK4jets/jetTree (log: {log})"
    assert log.read_text() == "more\n"


@pytest.mark.parametrize(
    ("script", "told"),
    [("kill -9 $$", "was killed (SIGKILL; out of memory?)"), ("echo oops; exit 4", "ended with exit code 4: oops")],
)
def test_a_worker_that_says_nothing_is_told_about_by_its_end(tmp_path, script, told):
    (ended,), _, observed = carry_out(tmp_path, job("export", shell(script)))
    assert condition(ended, "Failed")["reason"] == "BackoffLimitExceeded"
    assert observed.failures[ObjectKey.of(ended)].startswith(f"{told} (log: ")


def test_other_failures_are_tried_again_up_to_the_limit(tmp_path):
    script = f"echo x >> {tmp_path}/tries; test $(wc -l < {tmp_path}/tries) = 3 || exit 128"
    (ended,), (pods,), _ = carry_out(tmp_path, job("evaluate", shell(script), backoffLimit=2))
    assert end_of(ended) == "Complete"
    assert [pod["status"]["phase"] for pod in pods] == ["Failed", "Failed", "Succeeded"]
    (ended,), (pods,), _ = carry_out(tmp_path, job("export", shell("exit 128"), backoffLimit=1))
    assert condition(ended, "Failed")["reason"] == "BackoffLimitExceeded"
    assert len(pods) == 2


def test_an_indexed_job_runs_every_part_and_no_more_at_once_than_allowed(tmp_path):
    script = (
        f"cd {tmp_path}; touch up-$JOB_COMPLETION_INDEX; ls | grep -c up- >> peaks; sleep 0.1; "
        f"rm up-$JOB_COMPLETION_INDEX; echo $JOB_COMPLETION_INDEX >> done"
    )
    wanted = job("prepare", shell(script), completionMode="Indexed", completions=4, parallelism=2)
    (ended,), _, _ = carry_out(tmp_path, wanted)
    assert ended["status"]["completedIndexes"] == "0,1,2,3"
    assert sorted((tmp_path / "done").read_text().split()) == ["0", "1", "2", "3"]
    assert set((tmp_path / "peaks").read_text().split()) <= {"1", "2"}


def test_one_failed_part_ends_an_indexed_job(tmp_path):
    rules = {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}]}
    script = 'test "$JOB_COMPLETION_INDEX" = 1 && exit 1; sleep 1000'
    wanted = job(
        "prepare", shell(script), completionMode="Indexed", completions=2, parallelism=2, podFailurePolicy=rules
    )
    (ended,), (pods,), _ = carry_out(tmp_path, wanted)
    assert condition(ended, "Failed")["reason"] == "PodFailurePolicy"
    assert len(pods) == 1, "the part that was interrupted did not fail"


def test_requests_bound_what_runs_at_once(tmp_path):
    script = f"cd {tmp_path}; touch up-$$; ls | grep -c up- >> peaks; sleep 0.1; rm up-$$"
    resources = {"requests": {"cpu": "2", "memory": "1Gi"}}
    jobs = [job(f"job-{index}", shell(script, resources=resources)) for index in range(3)]
    carry_out(tmp_path, *jobs, cpu=3.0)
    assert set((tmp_path / "peaks").read_text().split()) == {"1"}


def test_the_environment_is_that_of_the_contract(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("JETCAL_CALIBRATION", "of another stage")
    monkeypatch.setenv("RANK", "7")
    names = ["JETCAL_CALIBRATION", "JETCAL_POD_UID", "AWS_ACCESS_KEY_ID", "HOME", "RANK", "OMP_NUM_THREADS"]
    names += ["JETCAL_METRICS_FILE", "JETCAL_CACHE", "JETCAL_TERMINATION_LOG", "JETCAL_REPLAY_SECONDS", "GREETING"]
    program = f"import json, os; print(json.dumps({{name: os.environ.get(name) for name in {names}}}))"
    variables = [
        {"name": "JETCAL_CALIBRATION", "valueFrom": {"configMapKeyRef": {"name": "doc", "key": "calibration.json"}}},
        {"name": "JETCAL_POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
        {"name": "JETCAL_METRICS_FILE", "value": "/var/log/katib/metrics.log"},
        {"name": "JETCAL_CACHE", "value": "/var/cache/jetcal"},
        {"name": "HOME", "value": "/tmp"},
        {"name": "GREETING", "value": "hello"},
    ]
    container = python(program, env=variables, resources={"requests": {"cpu": "3"}})
    container["envFrom"] = [{"secretRef": {"name": "s3-credentials"}}]
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "doc"}, "data": {"calibration.json": "{}"}}

    async def main():
        async with opened(tmp_path) as machine:
            machine.store.create(config)
            wanted = job("train", container)
            machine.store.create(wanted)
            await machine.ended(wanted)
            return machine.pods(wanted)[0]

    pod = asyncio.run(main())
    name = pod["metadata"]["name"]
    given = json.loads((tmp_path / ".jetcal/logs" / f"{name}.log").read_text())
    folder = tmp_path / ".jetcal/pods" / name
    assert given["JETCAL_CALIBRATION"] == "{}"
    assert given["JETCAL_POD_UID"] == pod["metadata"]["uid"]
    assert given["AWS_ACCESS_KEY_ID"] == "mine"
    assert given["HOME"] not in (None, "/tmp"), "the user's own files, such as ~/.aws, serve"
    assert given["RANK"] is None
    assert given["OMP_NUM_THREADS"] == "3"
    assert given["GREETING"] == "hello"
    assert given["JETCAL_REPLAY_SECONDS"] == "0"
    assert given["JETCAL_METRICS_FILE"] == str(folder / "metrics.log")
    assert given["JETCAL_CACHE"] == str(folder / "cache")
    assert given["JETCAL_TERMINATION_LOG"] == str(folder / "termination-log")


def test_a_missing_document_fails_the_job_in_one_sentence(tmp_path):
    source = {"configMapKeyRef": {"name": "doc", "key": "calibration.json"}}
    container = shell("exit 0", env=[{"name": "JETCAL_CALIBRATION", "valueFrom": source}])
    (ended,), _, observed = carry_out(tmp_path, job("train", container))
    assert "ConfigMap doc with the key calibration.json is missing" in observed.failures[ObjectKey.of(ended)]


def test_a_pytorch_job_runs_all_its_workers_as_processes_of_one(tmp_path):
    container = shell('echo "$JETCAL_PROCESSES $OMP_NUM_THREADS"', resources={"requests": {"cpu": "1"}})
    container["env"] = [{"name": "JETCAL_PROCESSES", "value": "2"}]
    (ended,), (pods,), _ = carry_out(tmp_path, pytorch_job("training", container, workers=2))
    assert end_of(ended) == "Succeeded"
    assert condition(ended, "Running")["status"] == "False"
    assert ended["status"]["replicaStatuses"] == {"Master": {"succeeded": 1}}
    assert (tmp_path / ".jetcal/logs" / f"{pods[0]['metadata']['name']}.log").read_text() == "4 1\n"


@pytest.mark.parametrize(
    ("script", "pods", "message"),
    [("exit 1", 1, "ended with exit code 1"), ("exit 143", 3, "backoff limit"), ("kill -9 $$", 3, "backoff limit")],
)
def test_a_pytorch_job_restarts_by_exit_code(tmp_path, script, pods, message):
    (ended,), (made,), _ = carry_out(tmp_path, pytorch_job("training", shell(script), backoff_limit=2))
    assert message in condition(ended, "Failed")["message"]
    assert len(made) == pods


def test_a_train_job_is_run_from_its_trainer(tmp_path):
    wanted = {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": "training", "namespace": "default"},
        "spec": {
            "runtimeRef": {"name": "torch-distributed"},
            "trainer": {
                "command": ["sh", "-c", 'echo "$JETCAL_PROCESSES"'],
                "numNodes": 2,
                "numProcPerNode": 3,
                "resourcesPerNode": {"requests": {"cpu": "1"}},
            },
        },
    }
    (ended,), (pods,), _ = carry_out(tmp_path, wanted)
    assert [entry["type"] for entry in ended["status"]["conditions"]] == ["Complete"]
    assert (tmp_path / ".jetcal/logs" / f"{pods[0]['metadata']['name']}.log").read_text() == "6\n"


def test_a_suspended_job_waits_and_a_running_one_stops(tmp_path):
    wanted = job("train", shell(f"touch {tmp_path}/started; test -e {tmp_path}/go || exec sleep 1000"), suspend=True)

    async def main():
        async with opened(tmp_path) as machine:
            store = machine.store
            store.create(wanted)
            key = ObjectKey.of(wanted)

            def is_suspended():
                return any(
                    entry["type"] == "Suspended" for entry in store.get(key).get("status", {}).get("conditions", [])
                )

            await machine.until(is_suspended)
            assert machine.cluster.controllers.idle
            assert not machine.pods(wanted)
            store.replace(store.get(key) | {"spec": wanted["spec"] | {"suspend": False}})
            await machine.until(lambda: [pod for pod in machine.pods(wanted) if pod["status"]["phase"] == "Running"])
            store.replace(store.get(key) | {"spec": wanted["spec"] | {"suspend": True}})
            await machine.until(lambda: not machine.pods(wanted))
            (tmp_path / "go").touch()
            store.replace(store.get(key) | {"spec": wanted["spec"] | {"suspend": False}})
            return await machine.ended(wanted)

    assert end_of(asyncio.run(main())) == "Complete"


def test_deleting_a_job_stops_its_process_and_forgets_its_pod(tmp_path):
    wanted = job(
        "train",
        shell(f"trap 'touch {tmp_path}/asked; exit 143' TERM; touch {tmp_path}/up; while :; do sleep 0.05; done"),
    )

    async def main():
        async with opened(tmp_path) as machine:
            created = machine.store.create(wanted)
            machine.cluster.controllers.adjust()
            await turns_true((tmp_path / "up").exists)
            await machine.cluster.delete(Deletion(ObjectKey.of(created), created["metadata"]["uid"]))
            await machine.until(lambda: machine.cluster.controllers.idle)
            assert machine.store.list("Pod") == []

    asyncio.run(main())
    assert (tmp_path / "asked").exists()
    assert list((tmp_path / ".jetcal/pods").iterdir()) == []


def test_an_interrupted_pod_is_no_failed_one(tmp_path):
    wanted = job("train", shell(f"test -e {tmp_path}/go || {{ touch {tmp_path}/up; exec sleep 1000; }}"))

    async def interrupt():
        async with opened(tmp_path) as machine:
            machine.store.create(wanted)
            await machine.until(lambda: (tmp_path / "up").exists() or None)

    async def go_on():
        async with opened(tmp_path) as machine:
            ended = await machine.ended(wanted)
            return ended, machine.pods(wanted)

    asyncio.run(interrupt_when_up(interrupt, tmp_path))
    (tmp_path / "go").touch()
    ended, pods = asyncio.run(go_on())
    assert end_of(ended) == "Complete"
    assert [pod["status"]["phase"] for pod in pods] == ["Succeeded"]
    assert ended["status"]["failed"] == 0


async def interrupt_when_up(main, tmp_path):
    task = asyncio.create_task(main())
    await turns_true((tmp_path / "up").exists)
    task.cancel()
    await asyncio.wait({task})


def test_the_observation_is_what_the_planner_needs(tmp_path):
    _, _, observed = carry_out(tmp_path, job("inventory", shell("exit 0")))
    assert observed.resource.metadata.name == "toy"
    assert observed.resource.metadata.generation == 1
    assert {key.kind for key in observed.children} == {"Job"}, "Pods are no children"
    assert ("kubeflow.org/v1beta1", "Experiment") in observed.kinds
    assert ("v1", "ConfigMap") in observed.kinds
    assert abs((datetime.now(UTC) - observed.now).total_seconds()) < 60
