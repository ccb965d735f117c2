"""A namespace with an operator behind a proxy and hands that play its workers; what two such worlds have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.calibrations import calibration
from tests.support.comparison import difference, effect, mask, masked, title
from tests.support.control_plane import OWN_CRD, ControlPlane, running
from tests.support.kube_client import KubeClient
from tests.support.operator_process import OperatorProcess, log_in
from tests.support.proxy import Proxy
from tests.support.stage_hands import STAND_INS, StageHands, open_crd
from tests.support.waiting import wait_for
from tests.support.warm_start import WarmStart, warm_start

from jetcal_operator import naming
from jetcal_operator.kube.denials import KATIB_LABEL
from jetcal_operator.kube.kinds import CHILDREN, EVENT, POD, RESOURCE, Kind

OWN_KINDS = tuple(kind for kind in CHILDREN if kind != POD)
REAL_CONTROLLERS = ("garbage-collector", "namespace", "resourcequota", "serviceaccount")


def small_calibration(name: str = "ak4", **spec: Any) -> dict[str, Any]:
    """A calibration with every stage and nothing beside."""
    storage = {"uri": "s3://jec/calibrations", "secretName": "s3-credentials"}
    document = calibration(**{"tensorboard": {"enabled": False}, "storage": storage, **spec})
    document["metadata"] = {"name": name}
    return document


@dataclass
class Playground:
    """A namespace of its own; tests speak to it as user, as cluster and as critic."""

    plane: ControlPlane
    proxy: Proxy
    operator: OperatorProcess
    namespace: str
    hands: StageHands

    @property
    def admin(self) -> KubeClient:
        """The almighty user's client."""
        return self.plane.client

    # what users do

    def apply(self, document: dict[str, Any]) -> dict[str, Any]:
        """Apply a calibration as kubectl does."""
        return self.admin.apply(RESOURCE.path(self.namespace, document["metadata"]["name"]), document)

    def edit(self, name: str = "ak4", **spec: Any) -> dict[str, Any]:
        """Replace top-level fields of a spec; None takes one away."""
        steps = [
            {"op": "remove", "path": f"/spec/{field}"}
            if value is None
            else {"op": "add", "path": f"/spec/{field}", "value": value}
            for field, value in spec.items()
        ]
        return self.admin.call("PATCH", RESOURCE.path(self.namespace, name), steps, "application/json-patch+json")

    def annotate(self, name: str = "ak4", **annotations: str) -> None:
        """Set annotations; ``retry`` is jetcal.dev/retry."""
        marks = {f"jetcal.dev/{mark}": value for mark, value in annotations.items()}
        self.admin.merge(RESOURCE.path(self.namespace, name), {"metadata": {"annotations": marks}})

    def delete(self, name: str = "ak4") -> None:
        """Delete a calibration."""
        self.admin.delete(RESOURCE.path(self.namespace, name))

    def free_lease(self) -> None:
        """Take away the lease of an operator that was killed, for the next one would wait until it has run out."""
        self.admin.delete(f"/apis/coordination.k8s.io/v1/namespaces/{self.operator.namespace}/leases/jetcal-operator")

    # what there is

    def resource(self, name: str = "ak4") -> dict[str, Any]:
        """The calibration as it is."""
        return self.admin.get(RESOURCE.path(self.namespace, name))

    def conditions(self, name: str = "ak4") -> dict[str, tuple[str, str, str]]:
        """Status, reason and message of each condition, if they are about the newest spec."""
        found = self.resource(name)
        status = found.get("status") or {}
        if status.get("observedGeneration") != found["metadata"]["generation"]:
            return {}
        return {entry["type"]: (entry["status"], entry["reason"], entry["message"]) for entry in status["conditions"]}

    def children(self, kind: Kind, stage: str = "", name: str = "ak4") -> list[dict[str, Any]]:
        """The calibration's objects of a kind, of one stage if that is given."""
        labels = f"{naming.CALIBRATION}={name}" + (f",{naming.STAGE}={stage}" if stage else "")
        return self.admin.items(kind.path(self.namespace), labelSelector=labels)

    def child(self, kind: Kind, stage: str = "", name: str = "ak4") -> dict[str, Any]:
        """The one object of a kind and stage, once it is there; records and trials' jobs aside."""

        def one() -> list[dict[str, Any]]:
            return [
                found
                for found in self.children(kind, stage, name)
                if naming.RECORD not in found["metadata"]["labels"]
                and any(owner["kind"] == RESOURCE.kind for owner in found["metadata"].get("ownerReferences", []))
                and not found["metadata"].get("deletionTimestamp")
            ]

        found = wait_for(f"a {kind.kind} of stage {stage}", one)
        assert len(found) == 1, [entry["metadata"]["name"] for entry in found]
        return found[0]

    def events(self, name: str = "ak4") -> list[dict[str, Any]]:
        """Events about a calibration, oldest first."""
        selector = f"involvedObject.kind={RESOURCE.kind},involvedObject.name={name}"
        found = self.admin.items(EVENT.path(self.namespace), fieldSelector=selector)
        return sorted(found, key=lambda event: int(event["metadata"]["resourceVersion"]))

    # waiting

    def wait_for_condition(
        self, kind: str, status: str = "True", reason: str | None = None, *, name: str = "ak4", seconds: float = 30
    ) -> str:
        """The message of a condition, once it is as given."""

        def holds() -> bool:
            found = self.conditions(name).get(kind)
            return found is not None and found[0] == status and reason in {None, found[1]}

        wait_for(lambda: f"{name} has {kind}={status} {reason or ''}; {self.told(name)}", holds, seconds=seconds)
        return self.conditions(name)[kind][2]

    def is_settled(self, name: str = "ak4") -> bool:
        """Whether it is Ready and nothing is under way."""
        found = self.conditions(name)
        return found.get("Ready", ("",))[0] == "True" and "Reconciling" not in found

    def wait_until_ready(self, name: str = "ak4", seconds: float = 40) -> None:
        """Until it is Ready and nothing is under way."""
        wait_for(lambda: f"{name} is Ready; {self.told(name)}", lambda: self.is_settled(name), seconds=seconds)

    def wait_until_gone(self, name: str = "ak4") -> None:
        """Until nothing is left of a calibration."""
        kinds = (RESOURCE, *CHILDREN)

        def left() -> bool:
            if self.admin.find(RESOURCE.path(self.namespace, name)):
                return False
            return not any(self.children(kind, name=name) for kind in kinds)

        wait_for(f"all of {name} is gone", left)

    def wait_until_quiet(self, seconds: float = 0.7) -> None:
        """Until for a while no call has changed anything and none is under way."""
        state: list[Any] = [None]

        def quiet() -> bool:
            calls = list(self.proxy.calls)
            under_way = [entry for entry in calls if entry.call.mutates and entry.code is None and entry.fault is None]
            before, state[0] = state[0], (len(self.proxy.mutations()), self.operator.metric("jetcal_queue_depth"))
            return before == state[0] and not under_way

        wait_for("the operator has nothing to do", quiet, pause=seconds)

    def wait_for_resyncs(self, times: int) -> None:
        """Until the operator has listed everything so many times more."""

        def listings() -> int:
            calls = [entry.call for entry in list(self.proxy.calls)]
            return sum(call.verb == "list" and call.resource == RESOURCE.plural for call in calls)

        wanted = listings() + times
        wait_for(f"{times} resyncs", lambda: listings() >= wanted)

    def told(self, name: str = "ak4") -> str:
        """What the status says, and the end of the operator's log."""
        found = self.admin.find(RESOURCE.path(self.namespace, name)) or {}
        status = found.get("status") or {}
        told = [
            f"{entry['type']}={entry['status']} {entry['reason']}: {entry['message']}"
            for entry in status.get("conditions", [])
        ]
        return f"stage {status.get('stage')}; {'; '.join(told)}\n{self.operator.tail()}"

    # what one world has in common with another

    def snapshot(self, name: str = "ak4") -> dict[str, Any]:
        """Everything that belongs to a calibration, with what differs from run to run masked."""
        found = [self.resource(name)]
        for kind in OWN_KINDS:
            found += self.children(kind, name=name)
        names = {thing["metadata"]["uid"]: title(thing, name) for thing in found}
        return {names[thing["metadata"]["uid"]]: masked(thing, names, name, self.namespace) for thing in found}

    def must_end_like(self, other: dict[str, Any], name: str = "ak4") -> None:
        """Wait until it is Ready and its objects are those of another snapshot; fails with what differs."""
        self.wait_until_ready(name, seconds=90)
        found: list[str] = []

        def same() -> bool:
            found[:] = difference(other, self.snapshot(name))
            return not found

        wait_for(lambda: "\n".join(["ends like an undisturbed one", *found]), same, seconds=15)
        self.wait_until_quiet()

    def counts(self, name: str = "ak4", since: int = 0) -> Counter[tuple[str, str]]:
        """How often each object was created and deleted by the operator."""
        counts: Counter[tuple[str, str]] = Counter()
        for entry in self.proxy.mutations(since=since):
            verb = effect(entry)
            if verb and entry.call.name.startswith(f"{name}-") | (entry.call.name == name):
                counts[verb, f"{entry.call.resource}/{mask(entry.call.name, name)}"] += 1
        return counts


@contextmanager
def playground(
    plane: ControlPlane, folder: Path, *, warm: WarmStart | None = None, everywhere: bool = False, **settings: Any
) -> Iterator[Playground]:
    """A namespace with proxy, hands and an operator that runs; ``settings`` are those of `OperatorProcess`."""
    namespace = plane.namespace({KATIB_LABEL: "enabled"})
    token = log_in(plane, namespace, everywhere=everywhere)
    with Proxy(plane.url, ca_file=str(plane.ca)).running() as proxy:
        operator = OperatorProcess(
            folder, proxy.url, token, namespace, namespaced=not everywhere, warm=warm, **settings
        )
        hands = StageHands(plane.client, namespace)
        with hands.working(), operator.running():
            yield Playground(plane, proxy, operator, namespace, hands)


@pytest.fixture(scope="session")
def playing_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane where hands play all controllers but those that clean up and count."""
    crds = [OWN_CRD, *(open_crd(kind) for kind in STAND_INS)]
    with running(tmp_path_factory.mktemp("playing-plane"), crds, REAL_CONTROLLERS) as plane:
        yield plane


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmStart]:
    """Where operators are forked from."""
    with warm_start() as start:
        yield start
