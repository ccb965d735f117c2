"""A stand-in for Katib's controller, which is not to be had as a Go module: the same rules in a process of Python.

``python -m tests.support.kubeflow.katib --kubeconfig FILE`` serves a bare control plane (metrics come from the answers
of the workers) and, with ``--collector-image``, a cluster of real Pods (metrics come from a sidecar that follows the
file). Kept: the webhooks of Experiments and Pods, names, labels, owners, rendering, status, conditions, reasons,
retain, failed trials, the optimum with its oddities, a Trial without metrics that runs for ever. Left out: suggestion
services (values are drawn at random whatever the algorithm), early stopping, resuming.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import tempfile
from pathlib import Path

from aiohttp import web
from tests.support.kubeflow import katib_objects
from tests.support.kubeflow.api import Api
from tests.support.kubeflow.certificates import Certificates, certificates
from tests.support.kubeflow.katib_controller import Controller
from tests.support.kubeflow.katib_webhooks import Webhooks, configurations

NO_IMAGE = "metrics-collector.invalid/none:0"
"""Image of sidecars that nobody runs."""
_KINDS = {
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "ValidatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "MutatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
}


async def serve(options):
    """Install webhooks and kinds, then work until cancelled."""
    api = await Api.connect(options.kubeconfig)
    context, bundle = _identity(options)
    image = options.collector_image or NO_IMAGE
    runner = web.AppRunner(Webhooks(api, image, restricted=options.restricted_collector).application())
    await runner.setup()
    try:
        address = f"https://{options.host}:{options.webhook_port}"
        for manifest in (*katib_objects.crds(), *configurations(address, bundle)):
            await api.apply(f"{_KINDS[manifest['kind']]}/{manifest['metadata']['name']}", manifest)
        await web.TCPSite(runner, options.listen, options.webhook_port, ssl_context=context).start()
        await Controller(api, seed=options.seed, collects=bool(options.collector_image)).run()
    finally:
        await runner.cleanup()
        await api.close()


def _identity(options):
    """TLS settings of the server and the authority that the API server is told."""
    with tempfile.TemporaryDirectory() as folder:
        found = options.certificates
        made = Certificates(found) if found else certificates(Path(folder), [options.host])
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(made.path("tls.crt"), made.path("tls.key"))
        return context, made.bundle


def parse(arguments=None):
    """Options of the command line."""
    parser = argparse.ArgumentParser(prog="katib", description=__doc__)
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--host", default="127.0.0.1", help="where the API server reaches the webhooks")
    parser.add_argument("--listen", default="127.0.0.1", help="address to listen at")
    parser.add_argument("--webhook-port", type=int, default=18443)
    parser.add_argument("--certificates", type=Path, help="folder with ca.crt, tls.crt, tls.key; else they are made")
    parser.add_argument("--collector-image", help="image with python3 for the sidecar; without it no Pod really runs")
    parser.add_argument(
        "--restricted-collector", action="store_true", help="let the sidecar meet the restricted Pod Security level"
    )
    parser.add_argument("--seed", type=int, default=0, help="of suggestions and names")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    asyncio.run(serve(parse()))
