"""Secrets at rest and on the log: AES-GCM under one key. Logger passwords, endpoint secrets: write-only for callers."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.domain.errors import Invalid
from shared.private_files import make_private_folder
from shared.runtime.settings import Settings

FINGERPRINT_OF = b"yujing: the fingerprint of a secret key"
SECRET_KEY = "secret.key"  # in the data folder
VERSION = "g1:"  # AES-256-GCM, 12-byte nonce before the text


class Sealer:
    """Seals and opens short texts; `purpose` is bound in, so that one kind of secret cannot stand for another."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise Invalid("the secret key is not 32 bytes", field="YUJING_SECRET_KEY", rule="32 bytes in base64")
        self._aead = AESGCM(key)
        self.fingerprint = hmac.new(key, FINGERPRINT_OF, hashlib.sha256).hexdigest()[
            :32
        ]  # tells keys apart, tells nothing of them

    def seal(self, text: str, purpose: str) -> str:
        nonce = secrets.token_bytes(12)
        return VERSION + b64encode(nonce + self._aead.encrypt(nonce, text.encode(), purpose.encode())).decode()

    def open(self, sealed: str, purpose: str) -> str:
        """The text; raises Invalid when the key or purpose is another."""
        try:
            blob = b64decode(sealed.removeprefix(VERSION))
            return self._aead.decrypt(blob[:12], blob[12:], purpose.encode()).decode()
        except (InvalidTag, ValueError) as wrong:
            raise Invalid("a sealed secret does not open with this key", field="YUJING_SECRET_KEY") from wrong


def sealer(settings: Settings) -> Sealer:
    """From the setting, its file, or `secret.key` in the data folder, made 0600 when absent (embedded only)."""
    known = known_sealer(settings)
    if known is not None:
        return known
    write_private(settings.data_dir / SECRET_KEY, urlsafe_b64encode(secrets.token_bytes(32)))
    return sealer(settings)


def known_sealer(settings: Settings) -> Sealer | None:
    """The same, or None where the key has still to be made. Raises: Invalid for a key that is none."""
    if settings.secret_key:
        return Sealer(_key(settings.secret_key.get_secret_value()))
    path = settings.secret_key_file or settings.data_dir / SECRET_KEY
    return Sealer(_key(path.read_text(encoding="ascii").strip())) if path.exists() else None


def write_private(path: Path, content: bytes) -> None:
    """A new file that only its owner reads, whole or not at all; an existing one is left as it is."""
    make_private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _key(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as wrong:
        raise Invalid("the secret key is not base64", field="YUJING_SECRET_KEY", rule="32 bytes in base64") from wrong
