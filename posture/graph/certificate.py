"""The file for `--auth certificate`, looked through before the sign-in service is asked.

Source: https://learn.microsoft.com/entra/identity-platform/certificate-credentials
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from posture.errors import SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate

_LARGEST = 1024 * 1024
_VARIABLE = "POSTURE_CERTIFICATE_PASSWORD"


def certificate_bytes(path: Path, password: str) -> bytes:
    """Return a PEM or PKCS#12 file that holds an RSA key and its certificate.

    Raises SettingsError naming the file, what it lacks and the remedy; what it
    holds is never quoted.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"--certificate: {path} cannot be read ({error.strerror or error}).") from None
    if len(data) > _LARGEST:
        raise SettingsError(f"--certificate: {path} is too large to be a certificate with its key.")
    key, certificate = _pem(path, data, password) if b"-----BEGIN" in data else _packed(path, data, password)
    _check(path, key, certificate)
    return data


def _pem(path: Path, data: bytes, password: str) -> "tuple[PrivateKeyTypes, Certificate]":
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificate

    if b"PRIVATE KEY-----" not in data:
        raise _lacks(path, "private key")
    if b"-----BEGIN CERTIFICATE-----" not in data:
        raise _lacks(path, "certificate")
    try:
        key = load_pem_private_key(data, password.encode() or None)
    except TypeError:  # a password too many, or one too few
        if password:
            raise SettingsError(
                f"--certificate: the key in {path} is not encrypted; leave {_VARIABLE} empty."
            ) from None
        raise SettingsError(
            f"--certificate: the key in {path} is encrypted; put its password in {_VARIABLE}."
        ) from None
    except ValueError:
        raise _unreadable(path, locked=bool(password)) from None
    try:
        return key, load_pem_x509_certificate(data)
    except ValueError:
        raise _unreadable(path, locked=False) from None


def _packed(path: Path, data: bytes, password: str) -> "tuple[PrivateKeyTypes, Certificate]":
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

    try:
        key, certificate, _ = load_key_and_certificates(data, password.encode() or None)
    except ValueError:
        raise _unreadable(path, locked=True) from None
    if key is None:
        raise _lacks(path, "private key")
    if certificate is None:
        raise _lacks(path, "certificate")
    return key, certificate


def _check(path: Path, key: "PrivateKeyTypes", certificate: "Certificate") -> None:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if not isinstance(key, RSAPrivateKey):
        raise SettingsError(f"--certificate: the key in {path} is no RSA key; Entra takes no other here.")
    if key.public_key() != certificate.public_key():
        raise SettingsError(f"--certificate: the key in {path} belongs to another certificate than the one beside it.")
    ends = certificate.not_valid_after_utc
    if ends <= datetime.now(UTC):
        raise SettingsError(
            f"--certificate: {path} expired on {ends:%Y-%m-%d}; make a new one and upload its public part to the "
            "app registration."
        )


def _lacks(path: Path, what: str) -> SettingsError:
    return SettingsError(f"--certificate: {path} lacks the {what}; it must hold the certificate and its private key.")


def _unreadable(path: Path, *, locked: bool) -> SettingsError:
    why = f", or its password in {_VARIABLE} is missing or wrong" if locked else ""
    return SettingsError(f"--certificate: {path} holds no PEM or PKCS#12 certificate with its key{why}.")
