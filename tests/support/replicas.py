"""Two replicas of the operator in one playground, told apart by the tokens that they show."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.support.control_plane import MUTATING, ControlPlane
from tests.support.operator_process import OperatorProcess, log_in
from tests.support.playground import Playground, playground
from tests.support.waiting import wait_for
from tests.support.warm_start import WarmStart

LEASE = "jetcal-operator"
CREDENTIAL = "authentication.kubernetes.io/credential-id"


@dataclass
class Replicas:
    """``world.operator`` is the first of the two."""

    world: Playground
    both: tuple[OperatorProcess, OperatorProcess]

    def roles(self) -> tuple[OperatorProcess, OperatorProcess]:
        """Who leads and who follows, once one leads."""
        leader = wait_for(lambda: f"one leads; {self.told()}", self.leader)
        (follower,) = (replica for replica in self.both if replica is not leader)
        return leader, follower

    def leader(self) -> OperatorProcess | None:
        """The one replica that says that it leads; fails if both do."""
        leading = [replica for replica in self.both if self.leads(replica)]
        if len(leading) > 1:  # unless the first has handed over before the second was asked
            assert not self.leads(leading.pop(0)), "both lead"
        return leading[0] if leading else None

    def leads(self, replica: OperatorProcess) -> bool:
        """Whether a replica says that it leads; one that cannot answer says nothing."""
        return replica.metric("jetcal_leader") == 1

    def lease(self) -> dict[str, Any]:
        """Spec of the Lease."""
        return self.world.plane.get("leases", LEASE, self.world.namespace)["spec"]

    def changes(self, replica: OperatorProcess) -> list[str]:
        """Every call of a replica that the API server has on record as one that may change something, but leases'."""
        mark = f"JTI={_claims(replica.token)['jti']}"
        return [
            f"{entry['verb']} {entry['objectRef']['resource']} {entry['responseStatus']['code']}"
            for entry in self.world.plane.audit(verbs=MUTATING)
            if mark in entry["user"].get("extra", {}).get(CREDENTIAL, [])
            and entry["objectRef"]["resource"] not in {"leases", "events"}
        ]

    def told(self) -> str:
        """The end of both logs."""
        return "\n".join(f"{replica.identity}:\n{replica.tail()}" for replica in self.both)


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


@contextmanager
def replicas(plane: ControlPlane, folder: Path, warm: WarmStart, options: tuple[str, ...]) -> Iterator[Replicas]:
    """Two operators that run in a namespace of their own."""
    with playground(plane, folder, warm=warm, options=options) as world:
        token = log_in(plane, world.namespace)
        second = replace(world.operator, token=token, identity="operator-1", process=None)
        with second.running():
            yield Replicas(world, (world.operator, second))
