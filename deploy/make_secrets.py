#!/usr/bin/env python3
"""Makes the secret files that docker-compose.yml reads; one that is there stays as it is.

The folder is closed to others; the files inside are readable, because the containers read them as other users.
"""

from __future__ import annotations

import secrets
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def signing_key() -> str:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


def make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    password = _once(folder / "database_password", lambda: secrets.token_urlsafe(24))
    _once(folder / "database_url", lambda: f"postgresql+psycopg://yujing:{password}@postgres:5432/yujing")
    _once(folder / "secret_key", lambda: urlsafe_b64encode(secrets.token_bytes(32)).decode())
    _once(folder / "signing_key", signing_key)


def _once(file: Path, content: Callable[[], str]) -> str:
    if not file.exists():
        file.write_text(content())
        file.chmod(0o644)
    return file.read_text()


if __name__ == "__main__":
    make(Path(sys.argv[1] if len(sys.argv) > 1 else ".run/secrets"))
