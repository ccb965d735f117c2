"""Container images for end-to-end tests: the two of the project, and stand-ins for those that cannot be pulled there.

On a machine without a registry::

    python -m tests.support.images build [NAME ...] [--docker-host URL]   # all, or those of `IMAGES` that are named
    python -m tests.support.images save IMAGE ...                         # archive of `docker save` on standard output
    python -m tests.support.images stop [--purge]                         # the dockerd that build started

``build`` uses the Docker that answers (``--docker-host``, else ``DOCKER_HOST``, else the default socket); as root,
where none answers, it starts one whose data lie in the user's cache. Its progress goes to standard error; its only line
on standard output is ``DOCKER_HOST=...`` of the daemon with the images. What is there and unchanged is not built again.

=====================  ===============================  ==========================================================
name                   image                            what it is
=====================  ===============================  ==========================================================
base                   jetcal-tests/base:bookworm       Debian with Python in place of python:3.11-slim-bookworm,
                                                        and with ``nslookup``: ``--pytorch-init-container-image``
operator               jetcal/operator:<version>        ``make images``
worker                 jetcal/worker:<version>          ``make images``
tritonserver           jetcal-tests/tritonserver:       real tritonserver; KServe's runtime ``kserve-tritonserver``
                       26.06-py3                        with this image name takes it (the tag is ``runtimeVersion``)
storage-initializer    jetcal-tests/                    arguments: uri, folder; AWS_* and AWS_ENDPOINT_URL of KServe
                       storage-initializer:1
=====================  ===============================  ==========================================================
"""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

BASE = "jetcal-tests/base:bookworm"
OPERATOR = f"jetcal/operator:{VERSION}"
WORKER = f"jetcal/worker:{VERSION}"
TRITONSERVER = "jetcal-tests/tritonserver:26.06-py3"
STORAGE_INITIALIZER = "jetcal-tests/storage-initializer:1"

IMAGES = {
    "base": BASE,
    "operator": OPERATOR,
    "tritonserver": TRITONSERVER,
    "storage-initializer": STORAGE_INITIALIZER,
    "worker": WORKER,
}
"""Name on the command line -> image, in the order of building."""
