"""Encryption at rest: payloads are sealed on their way to a disk and opened on their way back.

`WFC_ENCRYPTION_KEYS="k2:base64,k1:base64"` names keys of 32 bytes. The first one writes, all read,
so a key is changed by putting a new one in front. Each run has a key of its own, derived from the
named one, and what is sealed opens only for the run and the place that it was sealed for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from wfc.errors import CannotDecrypt, ConfigError, MissingExtra
from wfc.ids import RunId

VARIABLE: Final = "WFC_ENCRYPTION_KEYS"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_INFO: Final = b"wfc payloads 1"
_DERIVED_MAX: Final = 4096
_LOG: Final = logging.getLogger("wfc.world")
_T = TypeVar("_T")


class Vault:
    """The keys of a world."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Write under the first of `keys` and read under all. Raises `MissingExtra`."""
        try:
            from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra
            from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - likewise
            from cryptography.hazmat.primitives.ciphers import aead  # noqa: PLC0415 - likewise
            from cryptography.hazmat.primitives.kdf import hkdf  # noqa: PLC0415 - likewise
        except ImportError:
            raise MissingExtra(
                f"{VARIABLE} is set, and encryption needs the package `cryptography`. Without it "
                "payloads would be written in the clear, so nothing is done.\n"
                'Install it: pip install "wfc-durable[encryption]"'
            ) from None
        self._keys = dict(keys)
        self._aead: Any = aead.AESGCM
        self._hkdf: Any = lambda run_id: hkdf.HKDF(
            hashes.SHA256(), _KEY_BYTES, run_id.encode(), _INFO
        )
        self._invalid = InvalidTag
        self._derived: dict[tuple[str, RunId], bytes] = {}
        self._doubted: set[str] = set()
        self.writes_under = next(iter(self._keys))
        """The name of the key that seals."""

    def has(self, key_id: str) -> bool:
        """Tell whether a key of this name is here."""
        return key_id in self._keys

    def seal(self, run_id: RunId, place: str, data: bytes) -> bytes:
        """Encrypt `data` of a run under the first key, for one place."""
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._aead(self._key(self.writes_under, run_id))
        sealed: bytes = cipher.encrypt(nonce, data, _bound(run_id, place))
        return nonce + sealed

    def open(self, run_id: RunId, place: str, data: bytes, key_id: str) -> bytes:
        """Decrypt what `seal` gave under the key of this name. Raises `CannotDecrypt`."""
        if key_id not in self._keys:
            raise missing(run_id, key_id)
        cipher = self._aead(self._key(key_id, run_id))
        try:
            opened: bytes = cipher.decrypt(
                data[:_NONCE_BYTES], data[_NONCE_BYTES:], _bound(run_id, place)
            )
        except (self._invalid, ValueError):
            raise CannotDecrypt(
                f"{place} of run {run_id} does not open under the key {key_id!r} of {VARIABLE}.\n"
                "Either that name stands for another key now, or the bytes were changed. Nothing "
                "was written, and the run waits.\n"
                "Put the right key back, then free the run: wfc doctor --unblock RUN"
            ) from None
        return opened

    def doubt(self, key_id: str) -> None:
        """Say once of a key that it does not open what was sealed under its name."""
        if key_id not in self._doubted:
            self._doubted.add(key_id)
            _LOG.warning(
                "The key %r of %s does not open all that was sealed under that name, which is "
                'shown as {"$encrypted": true}. Either the name stands for another key now, or '
                "bytes were changed: the two cannot be told apart.",
                key_id,
                VARIABLE,
            )

    def digest(self, run_id: RunId, data: bytes) -> bytes:
        """Name a payload of a run by its content, which nobody without the key can guess."""
        return hashlib.blake2b(
            data, digest_size=_KEY_BYTES, key=self._key(self.writes_under, run_id)
        ).digest()

    def _key(self, key_id: str, run_id: RunId) -> bytes:
        found = self._derived.get((key_id, run_id))
        if found is None:
            if len(self._derived) >= _DERIVED_MAX:
                self._derived.clear()
            found = self._derived[key_id, run_id] = self._hkdf(run_id).derive(self._keys[key_id])
        return found


def vault_of(text: str) -> Vault | None:
    """Read the variable; None if it is empty. Raises `ConfigError`, which never holds a key."""
    keys: dict[str, bytes] = {}
    for number, part in enumerate(filter(None, map(str.strip, text.split(","))), 1):
        name, colon, encoded = part.partition(":")
        if not colon or not _KEY_ID.fullmatch(name):
            raise _wrong(f"its part {number} has no name. Letters, digits, _ and - may be in one")
        if name in keys:
            raise _wrong(f"it names two keys {name!r}")
        try:
            keys[name] = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise _wrong(f"the key {name!r} is no base64") from None
        if len(keys[name]) != _KEY_BYTES:
            raise _wrong(f"the key {name!r} has {len(keys[name])} bytes, and {_KEY_BYTES} are it")
    return Vault(keys) if keys else None


def sealed(vault: Vault | None, run_id: RunId, place: str, data: bytes) -> tuple[bytes, str | None]:
    """Seal what is no event, if there is a vault; give it with the name of the key."""
    if vault is None:
        return data, None
    return vault.seal(run_id, place, data), vault.writes_under


def unsealed(
    vault: Vault | None, run_id: RunId, place: str, data: bytes, key_id: str | None
) -> bytes:
    """Give back what `sealed` took. Raises `CannotDecrypt`."""
    if key_id is None:
        return data
    if vault is None:
        raise missing(run_id, key_id)
    return vault.open(run_id, place, data, key_id)


def veiled_or(
    read: Callable[[], _T], veil: Callable[[], _T], vault: Vault | None, key_id: str | None
) -> _T:
    """Read for those who only look; what does not open under the key of its name is veiled."""
    if key_id is None:
        return read()
    if vault is None or not vault.has(key_id):
        return veil()
    try:
        return read()
    except CannotDecrypt:
        vault.doubt(key_id)
        return veil()


def missing(run_id: RunId, key_id: str) -> CannotDecrypt:
    """Say that a run was written under a key that is not here."""
    return CannotDecrypt(
        f"run {run_id} was written under the encryption key {key_id!r}, which is not here.\n"
        "Without it nobody can tell what was recorded, so nothing was written, and the run waits.\n"
        f"Add it to {VARIABLE}, behind the key that writes, then free the run: "
        "wfc doctor --unblock RUN"
    )


def _bound(run_id: RunId, place: str) -> bytes:
    return f"{run_id}\n{place}".encode()


def _wrong(why: str) -> ConfigError:
    return ConfigError(
        f"{VARIABLE} cannot be read: {why}.\nThe form is NAME:BASE64,NAME:BASE64, with keys of "
        f"{_KEY_BYTES} bytes; the first one writes, all read. Nothing was opened."
    )
