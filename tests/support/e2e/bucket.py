"""The bucket of the suite: ntuples in, artefacts out, and what of them two runs must have in common."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.support.s3 import BUCKET, S3Server, client
from tests.support.simulated import simulated

from jetcal.simulation.settings import Settings

JETS = Settings(jets=5000, files=2, min_pt=40.0, pool_size=500, seed=5)
STAGES = ("inventory", "dataset", "tuning", "training", "export", "evaluation")
_ATTEMPT = re.compile(r"attempts/[0-9a-f-]{36}")
_TRIAL = re.compile(r"(-tuning-[0-9a-f]{8})-[0-9a-z]{8}")


def ntuples() -> list[Path]:
    """Ntuples of simulated jets."""
    return simulated("e2e-ntuples", JETS)


class Bucket:
    """The bucket, seen by a client of the suite's own."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self._client = client(server)

    def upload_ntuples(self) -> None:
        """Put the simulated jets where the calibration looks for them."""
        for path in ntuples():
            self._client.upload_file(str(path), BUCKET, f"ntuples/{path.name}")

    def keys(self, prefix: str) -> list[str]:
        """Keys below a prefix."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def read(self, key: str) -> bytes:
        """One object."""
        return self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def remove(self, prefix: str) -> None:
        """Delete everything below a prefix."""
        for key in self.keys(prefix):
            self._client.delete_object(Bucket=BUCKET, Key=key)

    def results(self, prefix: str, stage: str) -> dict[str, Any]:
        """Results of a stage by key."""
        found = [key for key in self.keys(f"{prefix}/{stage}/") if key.endswith("/result.json")]
        return {key: json.loads(self.read(key)) for key in found}

    def comparable(self, prefix: str, stage: str) -> list[Any]:
        """The same without what tells one attempt from another: its uid, the name of its trial, the clock."""
        results = sorted(self.results(prefix, stage).items(), key=lambda entry: str(entry[1].get("hyperparameters")))
        text = _TRIAL.sub(r"\1-TRIAL", _ATTEMPT.sub("attempts/UID", json.dumps(results)))
        found = json.loads(text)
        for _, result in found:
            for epoch in result.get("history", ()):
                epoch.pop("timestamp", None)
        return found
