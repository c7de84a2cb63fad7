"""Fetch axe-core, with which the browser tests check contrast and alternative texts, from the npm registry.

    python tools/fetch_axe.py .venv/axe.min.js

One version, checked by its hash; another registry is named by npm_config_registry. Needs nothing but Python.
"""
import hashlib
import io
import os
import sys
import tarfile
import urllib.request
from pathlib import Path

VERSION = "4.14.1"
SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"  # of the tarball
REGISTRY = os.environ.get("npm_config_registry", "https://registry.npmjs.org").rstrip("/")


def main(target: Path) -> int:
    address = f"{REGISTRY}/axe-core/-/axe-core-{VERSION}.tgz"
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            packed = answer.read()
    except OSError as error:
        print(f"The browser tests need {address}, which could not be fetched ({error}): connect, or put its package/axe.min.js at {target}.")
        return 1
    if (found := hashlib.sha256(packed).hexdigest()) != SHA256:
        print(f"{address} has the hash {found}, not the pinned {SHA256}: do not use it.")
        return 1
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        target.write_bytes(archive.extractfile("package/axe.min.js").read())
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
