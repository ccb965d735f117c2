"""Copy what lies below an s3:// uri into a folder. usage: download.py URI FOLDER"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import boto3


def main(uri: str, folder: str) -> None:
    """Download; ends with a sentence where there is nothing to download."""
    scheme, bucket, path, *_ = urlsplit(uri)
    if scheme != "s3":
        sys.exit(f"{uri}: this storage initializer knows s3:// only")
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("S3_ENDPOINT") or None
    store = boto3.client("s3", endpoint_url=endpoint, region_name=os.environ.get("AWS_DEFAULT_REGION") or "us-east-1")
    prefix = path.strip("/")
    pages = store.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", ()) if not entry["Key"].endswith("/")]
    below = [key for key in keys if key == prefix or key.startswith(f"{prefix}/") or not prefix]
    if not below:
        sys.exit(f"{uri}: nothing lies there")
    for key in below:
        target = Path(folder, key.removeprefix(prefix).lstrip("/") or Path(key).name)
        target.parent.mkdir(parents=True, exist_ok=True)
        store.download_file(bucket, key, str(target))
        print(f"{key} -> {target}")  # noqa: T201  # the container's log


if __name__ == "__main__":
    main(*sys.argv[1:3])
