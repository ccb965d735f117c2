"""What `helm test` asks: whether the operator is ready, and whether the API server knows JetCalibrations."""

from __future__ import annotations

import http.client
import ssl
import sys
from pathlib import Path

CREDENTIALS = Path("/var/run/secrets/kubernetes.io/serviceaccount")
KIND = "/apis/jetcal.dev/v1alpha1"


def ask(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> str | None:
    """Why ``path`` does not answer with 200, None if it does."""
    where = f"{connection.host}:{connection.port}{path}"
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
    except OSError as error:
        return f"{where} does not answer: {error}"
    text = answer.read(500).decode(errors="replace").strip()
    return None if answer.status == http.client.OK else f"{where} answers {answer.status}: {text}"


def main(operator: str, api_server: str = "kubernetes.default.svc:443", credentials: Path = CREDENTIALS) -> str | None:
    """The first thing that is wrong, None if nothing is."""
    ready = ask(http.client.HTTPConnection(operator, timeout=10), "/readyz", {})
    if ready:
        return f"The operator is not ready: {ready}"
    trusted = ssl.create_default_context(cafile=str(credentials / "ca.crt"))
    token = (credentials / "token").read_text()
    connection = http.client.HTTPSConnection(api_server, timeout=10, context=trusted)
    served = ask(connection, KIND, {"Authorization": f"Bearer {token}"})
    return f"JetCalibrations are not served: {served}" if served else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *sys.argv[2:3], *map(Path, sys.argv[3:4])))
