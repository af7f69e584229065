"""Certificates made on the spot, for servers and for signing in."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: str, issuer: str, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, ends: datetime | None = None
) -> x509.CertificateBuilder:
    ends = ends or datetime.now(UTC) + timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=2))
        .not_valid_after(ends)
    )


def authority_and_server(folder: Path, host: str) -> tuple[Path, Path, Path]:
    """Return the files of an authority, of a server's certificate and of its key."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = (
        _builder("test authority", "test authority", ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(True, False, False, False, False, True, True, False, False),
            critical=True,
        )
        .sign(ca_key, hashes.SHA256())
    )
    server = (
        _builder(host, "test authority", key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    files = folder / "ca.pem", folder / "server.pem", folder / "server.key"
    files[0].write_bytes(ca.public_bytes(PEM))
    files[1].write_bytes(server.public_bytes(PEM))
    files[2].write_bytes(_key(key, None))
    return files


def _key(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes | None) -> bytes:
    lock: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    )
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, lock)


def for_signing_in(
    folder: Path, password: bytes | None = None, *, packed: bool = False, ended: datetime | None = None
) -> Path:
    """Return a file with an RSA key and its certificate, PEM or PKCS#12, under a password where given."""
    key = rsa.generate_private_key(65537, 2048)
    builder = _builder("posture", "posture", key.public_key(), ended)
    certificate = builder.sign(key, hashes.SHA256())
    if packed:
        file = folder / "app.pfx"
        lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        file.write_bytes(pkcs12.serialize_key_and_certificates(b"posture", key, certificate, None, lock))
    else:
        file = folder / "app.pem"
        file.write_bytes(_key(key, password) + certificate.public_bytes(PEM))
    return file
