"""The operator's command; every option is also an environment variable, as the chart sets them."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Literal

import click

SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@click.command(context_settings={"auto_envvar_prefix": "JETCAL", "show_default": True})
@click.option("--namespace", "namespaces", multiple=True, envvar="JETCAL_NAMESPACE", help="Watch only these; else all.")
@click.option("--platform", type=click.Path(path_type=Path, dir_okay=False), help="YAML file of the installation.")
@click.option("--lease-namespace", help="Namespace of the Lease; the Pod's own when left out.")
@click.option("--lease-name", default="jetcal-operator", help="Lease that makes one of several replicas the leader.")
@click.option("--lease-seconds", type=click.IntRange(3), default=15, help="How long a silent leader stays leader.")
@click.option("--identity", help="Name of this process in the Lease; the host's when left out.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, help="Port of /healthz, /readyz and /metrics.")
@click.option("--workers", type=click.IntRange(1), default=4, help="Reconciles at the same time.")
@click.option("--resync-seconds", type=click.FloatRange(1, 240), default=120.0, help="Pause between complete listings.")
@click.option(
    "--discovery-seconds", type=click.FloatRange(1), default=30.0, help="Pause between looks at served kinds."
)
@click.option(
    "--log-format", type=click.Choice(["json", "plain"]), default="json", help="One JSON object a line, or text."
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", help="Least level."
)
def operator(
    *,
    namespaces: tuple[str, ...],
    platform: Path | None,
    lease_namespace: str | None,
    lease_name: str,
    lease_seconds: int,
    identity: str | None,
    port: int,
    workers: int,
    resync_seconds: float,
    discovery_seconds: float,
    log_format: Literal["json", "plain"],
    log_level: str,
) -> None:
    """Run the Kubernetes operator: reconcile every JetCalibration of a cluster, or of some namespaces.

    Credentials are the Pod's ServiceAccount, or else KUBECONFIG's; the cluster serves the CRD.

    \b
    Example:
      jetcal operator --namespace jec --log-format plain
    """
    import asyncio

    from jetcal_operator.kube import logs
    from jetcal_operator.kube.connection import NoClusterError, run
    from jetcal_operator.kube.engine import Settings
    from jetcal_operator.kube.installation import InstallationError, read_platform

    try:
        installation = read_platform(platform)
    except InstallationError as error:
        raise click.ClickException(str(error)) from error
    logs.configure(log_format, log_level)
    settings = Settings(
        namespaces=namespaces,
        lease_namespace=lease_namespace or _own_namespace(),
        lease_name=lease_name,
        lease_seconds=lease_seconds,
        identity=identity or socket.gethostname(),
        port=port,
        workers=workers,
        resync_seconds=resync_seconds,
        discovery_seconds=discovery_seconds,
    )
    try:
        asyncio.run(run(installation, settings))
    except NoClusterError as error:
        raise click.ClickException(str(error)) from error


def _own_namespace() -> str:
    try:
        return SERVICE_ACCOUNT_NAMESPACE.read_text().strip()
    except OSError:
        return "default"
