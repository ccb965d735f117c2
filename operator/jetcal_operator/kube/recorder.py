"""Events for `kubectl describe`: each turn of the story once; the same turn again counts up."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from jetcal_api.status import Status
from jetcal_operator.cluster import Manifest
from jetcal_operator.conditions import timestamp
from jetcal_operator.kube.api import Api, ApiError
from jetcal_operator.kube.kinds import EVENT
from jetcal_operator.kube.notices import Notice, notices

COMPONENT = "jetcal-operator"

log = logging.getLogger(__name__)


class Recorder:
    """Writes Events; one that cannot be written is logged and never in the way of the work."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._counts: dict[str, int] = {}

    async def record(self, resource: Manifest, before: Status | None, after: Status) -> None:
        """Tell what a new status says that the one before did not."""
        for notice in notices(before, after):
            try:
                await self._write(resource, notice)
            except ApiError as error:
                log.warning("Event %s cannot be written: %s", notice.reason, error)

    async def _write(self, resource: Manifest, notice: Notice) -> None:
        metadata, moment = resource["metadata"], timestamp(datetime.now(UTC))
        namespace, name = metadata["namespace"], f"{metadata['name']}.{notice.key(metadata['uid'])}"
        count = self._counts.get(name, 0) + 1
        self._counts[name] = count
        event = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {
                "apiVersion": resource["apiVersion"],
                "kind": resource["kind"],
                **{field: metadata[field] for field in ("name", "namespace", "uid", "resourceVersion")},
            },
            "type": notice.type,
            "reason": notice.reason,
            "message": notice.message,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": count,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
        }
        try:
            await self._api.create(event)
        except ApiError as error:
            if not error.exists_already:
                raise
            again = {"lastTimestamp": moment, "count": max(count, 2), "message": notice.message}
            await self._api.merge(EVENT, namespace, name, again)
