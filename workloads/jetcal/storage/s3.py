"""Storage in a bucket: boto3 against any endpoint, and a sentence for each way an object store refuses.

The environment tells how to get there: ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``S3_ENDPOINT`` (with scheme),
``AWS_DEFAULT_REGION``, ``AWS_CA_BUNDLE``; without them boto3 looks where it always does (profile, instance role).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jetcal.errors import JetcalError, TransientError
from jetcal.storage import local
from jetcal.storage.errors import NotFoundError, StorageError
from jetcal_api.results import Source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SCHEME = "s3://"
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (on a cluster keys of the Secret that spec.storage.secretName names)"
)
_NO_CREDENTIALS = f"no credentials; set {_CREDENTIALS}"
_MISSING = {"NoSuchKey", "NotFound", "404"}
_FORBIDDEN = {"AccessDenied", "Forbidden", "403", "AllAccessDisabled"}
_WRONG_KEYS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "InvalidClientTokenId",
    "XAdminUserNotFound",
}
_WRONG_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"}
_TRANSIENT = {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "Throttling", "TooManyRequests"}
_NO_CONDITIONS = {"NotImplemented", "InvalidArgument", "InvalidRequest"}
_SERVER_ERROR, _TOO_MANY = 500, 429


def parse(uri: str) -> tuple[str, str]:
    """Bucket and key of an ``s3://`` uri."""
    bucket, _, key = uri.removeprefix(SCHEME).partition("/")
    if not bucket:
        error = f"{uri}: names no bucket; write s3://bucket/prefix"
        raise StorageError(error)
    return bucket, key.strip("/")


def endpoint() -> str | None:
    """The object store's address, or None for Amazon's own."""
    address = os.environ.get("S3_ENDPOINT", "").strip()
    if not address:
        return None
    return address if "://" in address else f"https://{address}"


def client() -> S3Client:
    """The client for the present environment; one a process and setting."""
    settings = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION")
    places = ("AWS_CA_BUNDLE", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
    return _client(os.getpid(), endpoint(), *(os.environ.get(name) for name in settings + places))


@lru_cache(maxsize=4)
def _client(_process: int, address: str | None, *_environment: str | None) -> S3Client:
    import boto3  # noqa: PLC0415  # half a second that a local run need not pay
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 4},
        s3={"addressing_style": "path" if address else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    region = None if os.environ.get("AWS_PROFILE") else os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
    session = boto3.session.Session(region_name=region)
    return session.client("s3", endpoint_url=address, config=config)


@contextmanager
def sentences(uri: str) -> Iterator[None]:
    """Turn boto3's errors into one sentence that names ``uri``.

    Raises
    ------
    NotFoundError
        If the object is missing.
    StorageError
        If credentials, bucket or rights are missing.
    TransientError
        If the endpoint is away, slow or answers 5xx.
    """
    from boto3.exceptions import Boto3Error  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except JetcalError:
        raise
    except (BotoCoreError, ClientError, Boto3Error, ValueError) as error:
        raise translate(error, uri) from error


def translate(error: Exception, uri: str) -> JetcalError:
    """The error that says in one sentence what the object store refused at ``uri``."""
    from boto3.exceptions import Boto3Error  # noqa: PLC0415
    from botocore import exceptions  # noqa: PLC0415

    if isinstance(error, Boto3Error) and isinstance(error.__context__, exceptions.ClientError):
        error = error.__context__
    if isinstance(error, exceptions.ClientError):
        return _refusal(error.response, uri)
    where = endpoint() or "Amazon S3"
    away = (exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError)
    if isinstance(error, away) and not isinstance(error, exceptions.SSLError):
        return TransientError(f"{uri}: {where} does not answer ({type(error).__name__}); check S3_ENDPOINT")
    reasons = {
        exceptions.NoCredentialsError: _NO_CREDENTIALS,
        exceptions.PartialCredentialsError: _NO_CREDENTIALS,
        exceptions.ProfileNotFound: f"{error}; mend AWS_PROFILE",
        exceptions.SSLError: f"the certificate of {where} is not trusted; set AWS_CA_BUNDLE to its authority's file",
        exceptions.ParamValidationError: "is no valid s3:// uri; write s3://bucket/prefix",
        ValueError: f"S3_ENDPOINT '{where}' is no address; write https://host:port",
    }
    reason = next((text for kind, text in reasons.items() if isinstance(error, kind)), str(error))
    return StorageError(f"{uri}: {reason}")


def _refusal(answer: Mapping[str, Any], uri: str) -> JetcalError:
    code = str(answer.get("Error", {}).get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    where = endpoint() or "Amazon S3"
    bucket, _ = parse(uri)
    if code in _MISSING:
        return NotFoundError(f"{uri}: no such object")
    if code in _TRANSIENT or status >= _SERVER_ERROR or status == _TOO_MANY:
        return TransientError(f"{uri}: {where} cannot serve now ({code or status})")
    if code == "NoSuchBucket":
        reason = f"{where} has no bucket '{bucket}'; create it or mend the uri"
    elif code in _WRONG_KEYS:
        reason = f"{where} does not accept the credentials ({code}); mend {_CREDENTIALS}"
    elif code in _WRONG_REGION:
        reason = f"bucket '{bucket}' lies in another region; set AWS_DEFAULT_REGION"
    elif code in _FORBIDDEN:
        reason = f"access denied; the key needs s3:ListBucket, s3:GetObject and s3:PutObject on bucket '{bucket}'"
    else:
        reason = f"{where} refuses ({code or status}): {answer.get('Error', {}).get('Message', '')}"
    return StorageError(f"{uri}: {reason}")


def read_bytes(uri: str) -> bytes:
    """The content of an object."""
    bucket, key = parse(uri)
    with sentences(uri):
        return client().get_object(Bucket=bucket, Key=key)["Body"].read()


def write_bytes(uri: str, data: bytes) -> None:
    """Write an object; object stores show the old content or the new."""
    bucket, key = parse(uri)
    with sentences(uri):
        client().put_object(Bucket=bucket, Key=key, Body=data)


def put_if_absent(uri: str, data: bytes) -> bool:
    """Write an object unless it exists; whether this content was written.

    The look beforehand serves stores that do not know ``If-None-Match``, whether they say so or overlook it.
    """
    if exists(uri):
        return False
    bucket, key = parse(uri)
    with sentences(uri):
        try:
            client().put_object(Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
        except client().exceptions.ClientError as error:
            answer = error.response
            code = answer.get("Error", {}).get("Code", "")
            if code in {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}:
                # A repeated request whose first answer was lost meets its own object.
                return exists(uri) and read_bytes(uri) == data
            if code not in _NO_CONDITIONS:
                raise
            client().put_object(Bucket=bucket, Key=key, Body=data)
    return True


def exists(uri: str) -> bool:
    """Whether there is an object."""
    bucket, key = parse(uri)
    try:
        with sentences(uri):
            client().head_object(Bucket=bucket, Key=key)
    except NotFoundError:
        return False
    return True


def download(uri: str, path: Path) -> None:
    """Copy an object to a file; the file appears whole or not at all."""
    bucket, key = parse(uri)
    with local.sentences(path), local.replacing(path) as temporary, sentences(uri):
        client().download_file(bucket, key, str(temporary))


def upload(path: Path, uri: str) -> None:
    """Copy a file to an object, in parts where it is large."""
    bucket, key = parse(uri)
    with local.sentences(path), sentences(uri):
        client().upload_file(str(path), bucket, key)


def list_files(uri: str) -> list[Source]:
    """Every object below ``uri`` in the order of their keys."""
    return [source for source, _ in list_times(uri)]


def list_times(uri: str) -> list[tuple[Source, float]]:
    """Every object below ``uri`` in the order of their keys, with the Unix time in seconds of its last change."""
    bucket, key = parse(uri)
    return _list(bucket, f"{key}/" if key else "")


def list_prefix(bucket: str, prefix: str) -> list[Source]:
    """Every object of ``bucket`` whose key begins with ``prefix``, in the order of their keys."""
    return [source for source, _ in _list(bucket, prefix)]


def _list(bucket: str, prefix: str) -> list[tuple[Source, float]]:
    found = []
    with sentences(f"{SCHEME}{bucket}/{prefix}"):
        for page in client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                uri, version = f"{SCHEME}{bucket}/{entry['Key']}", entry["ETag"].strip('"')
                if not uri.endswith("/"):
                    source = Source(uri=uri, size=entry["Size"], version=version)
                    found.append((source, entry["LastModified"].timestamp()))
    return sorted(found, key=lambda item: item[0].uri)


def describe(uri: str) -> Source:
    """Size and ETag of an object."""
    bucket, key = parse(uri)
    with sentences(uri):
        head = client().head_object(Bucket=bucket, Key=key)
    return Source(uri=uri, size=head["ContentLength"], version=head["ETag"].strip('"'))


def remove_folder(uri: str) -> None:
    """Delete every object below ``uri``."""
    bucket, _ = parse(uri)
    for source in list_files(uri):
        with sentences(source.uri):
            client().delete_object(Bucket=bucket, Key=parse(source.uri)[1])
