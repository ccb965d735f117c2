"""Certificates for webhooks that the API server calls by url."""

from __future__ import annotations

import base64
import ipaddress
import subprocess
from dataclasses import dataclass
from pathlib import Path

_DAYS = "3650"


@dataclass(frozen=True)
class Certificates:
    """An authority and a serving certificate signed by it: ``ca.crt``, ``ca.key``, ``tls.crt``, ``tls.key``."""

    folder: Path

    def path(self, name):
        """One of the four files."""
        return self.folder / name

    @property
    def bundle(self):
        """The authority as a webhook's ``caBundle``."""
        return self.encoded("ca.crt")

    def encoded(self, name):
        """A file as a Secret holds it."""
        return base64.b64encode(self.path(name).read_bytes()).decode()


def certificates(folder, hosts, *, authority="jetcal-tests-ca"):
    """New certificates for the hosts (names or addresses); the authority carries its own name as a DNS name.

    Both are as training-operator's rotation wants them, so that it leaves them alone: the key in PKCS#1 form, usage
    serverAuth, valid for years.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _openssl(
        folder,
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", _DAYS, "-keyout", "ca.pem", "-out", "ca.crt"),
        *("-subj", f"/CN={authority}", "-addext", f"subjectAltName=DNS:{authority}"),
        *("-addext", "keyUsage=critical,keyCertSign,digitalSignature"),
    )
    _openssl(folder, "rsa", "-traditional", "-in", "ca.pem", "-out", "ca.key")
    request = ("-newkey", "rsa:2048", "-nodes", "-keyout", "tls.key", "-out", "tls.csr", "-subj", "/CN=webhook")
    _openssl(folder, "req", "-new", *request)
    names = ",".join(map(_alternative, hosts))
    (folder / "extensions").write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth\n")
    _openssl(
        folder,
        *("x509", "-req", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"),
        *("-days", _DAYS, "-extfile", "extensions", "-out", "tls.crt"),
    )
    return Certificates(folder)


def by_url(configuration, host, port, bundle):
    """A webhook configuration whose webhooks are called at host and port instead of through a Service."""
    for webhook in configuration["webhooks"]:
        path = webhook["clientConfig"]["service"]["path"]
        webhook["clientConfig"] = {"url": f"https://{host}:{port}{path}", "caBundle": bundle}
    return configuration


def _alternative(host):
    try:
        return f"IP:{ipaddress.ip_address(host)}"
    except ValueError:
        return f"DNS:{host}"


def _openssl(folder, *arguments):
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"openssl {arguments[0]} failed: {done.stderr.strip()}"
        raise AssertionError(message)
