"""The installation's side: a YAML file with what differs from one cluster to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from jetcal_api.spec import Resources
from jetcal_operator.platform import OnnxLimits, Platform


class InstallationError(Exception):
    """The file cannot be used; the message says what to mend."""


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class TritonRelease(_Model):
    """What one release of Triton can load."""

    runtime: str
    opset: int
    ir: int


class Installation(_Model):
    """The file; what is left out stays as `Platform` has it."""

    worker_image: str | None = None
    tensorboard_image: str | None = None
    triton_releases: dict[str, TritonRelease] = {}
    """Rows beside those that jetcal knows, by release (``26.08``)."""
    tolerations: tuple[dict[str, Any], ...] | None = None
    node_selector: dict[str, str] | None = None
    pull_secrets: tuple[str, ...] | None = None
    ca_bundle: str | None = None
    train_runtime: str | None = None
    serving_in_mesh: bool | None = None
    restricted_additions: bool | None = None
    job_resources: Resources | None = None
    cache_size: str | None = None
    parallel_prepares: int | None = Field(None, ge=1)
    backoff_limit: int | None = Field(None, ge=0)
    retry_delay_seconds: float | None = Field(None, gt=0)
    longest_retry_delay_seconds: float | None = Field(None, gt=0)
    metrics_deadline_seconds: float | None = Field(None, gt=0)

    def platform(self) -> Platform:
        """The platform with what the file says."""
        given = {name: getattr(self, name) for name in self.model_fields_set if getattr(self, name) is not None}
        releases = given.pop("triton_releases", {})
        fields: dict[str, Any] = {}
        for name, value in given.items():
            is_time = name.endswith("_seconds")
            fields[name.removesuffix("_seconds")] = timedelta(seconds=value) if is_time else value
        base = Platform()
        rows = {name: OnnxLimits(row.runtime, row.opset, row.ir) for name, row in releases.items()}
        if "tensorboard_image" not in fields and "worker_image" in fields:
            fields["tensorboard_image"] = fields["worker_image"]
        return replace(base, triton_releases={**base.triton_releases, **rows}, **fields)


def read_platform(file: Path | None) -> Platform:
    """The platform of a file; without one, as built in.

    Raises
    ------
    InstallationError
        If the file cannot be read, or says what no installation can say.
    """
    if file is None:
        return Platform()
    try:
        document = YAML(typ="safe").load(file)
    except (OSError, YAMLError) as error:
        message = f"{file}: cannot be read: {error}"
        raise InstallationError(message) from error
    if document is not None and not isinstance(document, Mapping):
        message = f"{file}: must hold fields such as workerImage, not {document!r}"
        raise InstallationError(message)
    try:
        return Installation.model_validate(document or {}).platform()
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, entry['loc']))}: {entry['msg']}" for entry in error.errors())
        message = f"{file}: {problems}"
        raise InstallationError(message) from error
