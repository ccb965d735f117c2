"""From credentials to a running engine, and from a signal to an orderly end."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from jetcal_operator.kube.engine import Engine, Settings
from jetcal_operator.platform import Platform

CONNECTIONS = 32

log = logging.getLogger(__name__)


class NoClusterError(Exception):
    """There are no credentials of any cluster."""


async def run(platform: Platform, settings: Settings) -> None:
    """Run the operator until SIGTERM or SIGINT, then give the lease back.

    Raises
    ------
    NoClusterError
        If neither a ServiceAccount nor a kubeconfig can be read.
    """
    async with ApiClient(await _configuration()) as client:
        engine = asyncio.ensure_future(Engine(client, platform, settings).run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, engine.cancel)
        log.info("jetcal operator %s begins", settings.identity)
        with suppress(asyncio.CancelledError):
            await engine
        log.info("jetcal operator %s ends", settings.identity)


async def _configuration() -> Configuration:
    configuration = Configuration()
    try:
        load_incluster_config(client_configuration=configuration)
    except ConfigException:
        try:
            await load_kube_config(client_configuration=configuration)
        except (ConfigException, OSError) as error:
            message = f"no cluster to work for: neither a ServiceAccount nor a kubeconfig can be read ({error})"
            raise NoClusterError(message) from error
    configuration.connection_pool_maxsize = CONNECTIONS
    return configuration
