from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jetcal_operator.kube.cache import Cache, Key, Place
from jetcal_operator.kube.kinds import POD, RESOURCE, kind_of

AK4 = Key("jec", "ak4")


def pod(name, version, *, uid="", calibration="ak4", **status):
    labels = {"jetcal.dev/calibration": calibration} if calibration else {}
    metadata = {"name": name, "namespace": "jec", "uid": uid or name, "resourceVersion": str(version), "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status}


def calibration(version, name="ak4"):
    metadata = {"name": name, "namespace": "jec", "uid": name, "resourceVersion": str(version)}
    return {"apiVersion": "jetcal.dev/v1alpha1", "kind": "JetCalibration", "metadata": metadata}


def filled():
    changed = []
    return Cache(changed.append), changed


def names(cache, key=AK4):
    return [found["metadata"]["name"] for found in cache.family(key)]


def test_a_child_belongs_to_the_calibration_that_its_label_names():
    cache, changed = filled()
    cache.see(POD, "ADDED", pod("a", 1))
    cache.see(POD, "ADDED", pod("b", 2, calibration="ak8"))
    assert names(cache) == ["a"]
    assert names(cache, Key("jec", "ak8")) == ["b"]
    assert changed == [AK4, Key("jec", "ak8")]


def test_a_resource_is_no_member_of_its_family_but_wakes_it():
    cache, changed = filled()
    cache.see(RESOURCE, None, calibration(1))
    assert names(cache) == []
    assert [found["metadata"]["name"] for found in cache.calibrations()] == ["ak4"]
    assert changed == [AK4]


def test_what_this_process_wrote_is_not_undone_by_an_older_event():
    cache, changed = filled()
    cache.keep(pod("a", 7, phase="Running"))
    cache.see(POD, "MODIFIED", pod("a", 5, phase="Pending"))
    assert cache.family(AK4)[0]["status"]["phase"] == "Running"
    assert len(changed) == 1


def test_the_echo_of_a_write_wakes_nobody():
    cache, changed = filled()
    cache.keep(pod("a", 7))
    cache.see(POD, "ADDED", pod("a", 7))
    assert changed == [AK4]


def test_an_answer_that_comes_after_the_deletion_brings_nothing_back():
    cache, _ = filled()
    cache.see(POD, "DELETED", pod("a", 9))
    cache.keep(pod("a", 8))
    assert names(cache) == []


def test_a_new_object_under_an_old_name_counts():
    cache, _ = filled()
    cache.see(POD, "DELETED", pod("a", 9, uid="old"))
    cache.see(POD, "ADDED", pod("a", 12, uid="new"))
    assert cache.family(AK4)[0]["metadata"]["uid"] == "new"


def test_a_list_shows_what_vanished_without_an_event():
    cache, changed = filled()
    cache.see(POD, "ADDED", pod("a", 1))
    cache.see(POD, "ADDED", pod("b", 2))
    changed.clear()
    cache.replace(POD, [pod("b", 2)], "10")
    assert names(cache) == ["b"]
    assert changed == [AK4]


def test_a_list_does_not_take_away_what_was_made_after_it():
    cache, _ = filled()
    cache.keep(pod("a", 11))
    cache.replace(POD, [], "10")
    assert names(cache) == ["a"]


def test_a_list_of_one_namespace_says_nothing_of_another():
    cache, _ = filled()
    cache.see(POD, "ADDED", pod("a", 1))
    cache.replace(POD, [], "10", namespace="elsewhere")
    assert names(cache) == ["a"]


def test_a_child_that_loses_its_label_leaves_the_family():
    cache, changed = filled()
    cache.see(POD, "ADDED", pod("a", 1))
    cache.keep(pod("a", 2, calibration=""))
    assert names(cache) == []
    assert changed == [AK4, AK4]


def test_an_object_that_we_deleted_is_on_its_way_out_until_the_watch_says_so():
    cache, _ = filled()
    cache.see(POD, "ADDED", pod("a", 1))
    cache.mark_deleted(Place(POD, "jec", "a"), "another")
    assert "deletionTimestamp" not in cache.family(AK4)[0]["metadata"]
    cache.mark_deleted(Place(POD, "jec", "a"), "a")
    assert cache.family(AK4)[0]["metadata"]["deletionTimestamp"]


def test_a_kind_that_the_cluster_serves_no_more_is_dropped():
    cache, _ = filled()
    cache.see(POD, "ADDED", pod("a", 1))
    cache.forget(POD)
    assert names(cache) == []
    assert POD not in cache.silence()


def test_the_time_since_anything_was_heard_is_known_by_kind():
    moment = [100.0]
    cache = Cache(lambda _: None, clock=lambda: moment[0])
    cache.see(POD, "ADDED", pod("a", 1))
    moment[0] = 130.0
    assert cache.silence() == {POD: 30.0}


@given(st.permutations(range(1, 7)), st.integers(0, 6))
def test_in_whatever_order_events_come_the_newest_holds(order, deleted_at):
    cache, _ = filled()
    for version in order:
        gone = version == deleted_at
        cache.see(POD, "DELETED" if gone else "MODIFIED", pod("a", version, phase=str(version)))
    phases = [found["status"]["phase"] for found in cache.family(AK4)]
    assert phases == ([] if deleted_at == 6 else ["6"])


def test_every_kind_is_found_by_its_manifest():
    assert kind_of(pod("a", 1)) == POD
    assert POD.path("jec", "a") == "/api/v1/namespaces/jec/pods/a"
    assert RESOURCE.path(None) == "/apis/jetcal.dev/v1alpha1/jetcalibrations"


def test_a_list_corrects_a_watch_that_shows_the_same_version_otherwise():
    cache, changed = filled()
    cache.see(POD, "ADDED", pod("a", 7))
    cache.replace(POD, [pod("a", 7, phase="Running")], "9")
    assert cache.family(AK4)[0]["status"]["phase"] == "Running"
    cache.replace(POD, [pod("a", 7, phase="Running")], "10")
    assert len(changed) == 2


def test_a_list_from_before_our_own_deletion_does_not_undo_it():
    cache, _ = filled()
    cache.see(POD, "ADDED", pod("a", 7))
    cache.mark_deleted(Place(POD, "jec", "a"), "a")
    cache.replace(POD, [pod("a", 7)], "7")
    assert "deletionTimestamp" in cache.family(AK4)[0]["metadata"]


def test_a_kind_that_comes_back_brings_its_objects_back_unchanged():
    cache, _ = filled()
    cache.see(POD, "ADDED", pod("a", 7))
    cache.forget(POD)
    cache.replace(POD, [pod("a", 7)], "9")
    assert names(cache) == ["a"]
