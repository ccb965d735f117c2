"""The object store: an API server's manners, and files that survive."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from jetcal_operator.cluster import ObjectKey
from jetcal_operator.local.changes import Changes
from jetcal_operator.local.errors import LocalError
from jetcal_operator.local.lock import exclusive
from jetcal_operator.local.objects import ObjectStore


def manifest(name="a", kind="ConfigMap", *, owner=None, **fields):
    metadata = {"name": name, "namespace": "default"}
    if owner:
        metadata["ownerReferences"] = [{"kind": owner["kind"], "uid": owner["metadata"]["uid"]}]
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata | fields.pop("metadata", {}), **fields}


@pytest.fixture
def store(tmp_path):
    return ObjectStore(tmp_path / "objects", Changes())


def key(name, kind="ConfigMap"):
    return ObjectKey("v1", kind, name)


def test_objects_survive_in_one_file_each(tmp_path, store):
    store.create(manifest(data={"x": "1"}))
    path = tmp_path / "objects/v1/ConfigMap/a.json"
    assert json.loads(path.read_text())["data"] == {"x": "1"}
    again = ObjectStore(tmp_path / "objects", Changes())
    assert again.get(key("a")) == store.get(key("a"))
    assert int(again.create(manifest("b"))["metadata"]["resourceVersion"]) > 1


def test_a_created_object_gets_the_metadata_of_an_api_server(store):
    metadata = store.create(manifest())["metadata"]
    assert metadata["generation"] == 1
    assert metadata["uid"]
    assert metadata["creationTimestamp"].endswith("Z")


def test_creating_what_exists_leaves_it_as_it_is(store):
    first = store.create(manifest(data={"x": "1"}))
    assert store.create(manifest(data={"x": "2"})) == first


def test_objects_are_listed_in_the_order_of_their_creation(tmp_path, store):
    for name in "cab":
        store.create(manifest(name))
    again = ObjectStore(tmp_path / "objects", Changes())
    assert [entry["metadata"]["name"] for entry in again.list("ConfigMap")] == ["c", "a", "b"]


def test_what_is_read_can_be_changed_without_changing_the_store(store):
    store.create(manifest(data={"x": "1"}))
    store.get(key("a"))["data"]["x"] = "2"
    assert store.get(key("a"))["data"] == {"x": "1"}


def test_only_a_new_spec_is_a_new_generation(store):
    store.apply(manifest(spec={"replicas": 1}))
    store.apply(manifest(spec={"replicas": 1}, metadata={"labels": {"a": "b"}}))
    assert store.get(key("a"))["metadata"]["generation"] == 1
    store.apply(manifest(spec={"replicas": 2}, metadata={"labels": {"a": "b"}}))
    assert store.get(key("a"))["metadata"]["generation"] == 2


def test_applying_the_same_again_writes_nothing(store):
    store.apply(manifest(spec={"replicas": 1}))
    version = store.get(key("a"))["metadata"]["resourceVersion"]
    store.apply(manifest(spec={"replicas": 1}))
    assert store.get(key("a"))["metadata"]["resourceVersion"] == version


def test_apply_keeps_what_others_own_and_drops_what_it_no_longer_names(store):
    store.apply(
        manifest(spec={"model": {"uri": "x", "old": 1}, "list": [1, 2]}, metadata={"annotations": {"own": "1"}})
    )
    store.annotate(key("a"), "stop", "true")
    store.write_status(store.get(key("a")), {"ready": True})
    store.apply(manifest(spec={"model": {"uri": "y"}, "list": [3]}))
    stored = store.get(key("a"))
    assert stored["spec"] == {"model": {"uri": "y"}, "list": [3]}
    assert stored["metadata"]["annotations"] == {"stop": "true"}
    assert stored["status"] == {"ready": True}


def test_apply_to_a_created_object_changes_the_named_fields_only(store):
    store.create(manifest(spec={"count": 1, "rest": {"x": 1}}))
    store.apply(manifest(spec={"count": 2}))
    assert store.get(key("a"))["spec"] == {"count": 2, "rest": {"x": 1}}


def test_a_uid_is_a_precondition(store):
    created = store.create(manifest(spec={"count": 1}))
    store.apply(manifest(spec={"count": 2}, metadata={"uid": "another"}))
    store.delete(key("a"), "another")
    assert store.get(key("a")) == created
    store.apply(manifest("gone", spec={"count": 2}, metadata={"uid": "another"}))
    assert store.get(key("gone")) is None
    store.delete(key("a"), created["metadata"]["uid"])
    assert store.get(key("a")) is None


def test_a_status_of_an_earlier_incarnation_is_not_written(store):
    old = store.create(manifest())
    store.delete(key("a"))
    store.create(manifest())
    store.write_status(old, {"phase": "Failed"})
    assert "status" not in store.get(key("a"))


def test_deleting_takes_along_all_that_is_owned(tmp_path, store):
    experiment = store.create(manifest("e", "Experiment"))
    trial = store.create(manifest("t", "Trial", owner=experiment))
    store.create(manifest("j", "Job", owner=trial))
    other = store.create(manifest("other", "Job"))
    store.delete(key("e", "Experiment"))
    assert store.list() == [other]
    assert [path.stem for path in (tmp_path / "objects").rglob("*.json")] == ["other"]


def test_leftovers_of_a_killed_write_are_swept_and_damage_is_named(tmp_path, store):
    store.create(manifest())
    path = tmp_path / "objects/v1/ConfigMap/a.json"
    (path.parent / "b.json.tmp").write_text("{")
    ObjectStore(tmp_path / "objects", Changes())
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["a.json"]
    path.write_text("{")
    with pytest.raises(LocalError, match=r"a\.json: is damaged"):
        ObjectStore(tmp_path / "objects", Changes())


HOLDER = """
import sys
from pathlib import Path
from jetcal_operator.local.lock import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_holder_of_the_lock_is_told_about_the_first(tmp_path):
    lock = tmp_path / ".jetcal" / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LocalError, match=rf"in use by another jetcal \(process {holder.pid}\)"), exclusive(lock):
            pass
        holder.kill()
    with exclusive(lock):
        assert lock.read_text().strip().isdecimal()
