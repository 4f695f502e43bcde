"""Where the neighbours live: a folder that their users may enter, ports, a certificate, and the files of docs/deploy made to fit."""

import ipaddress
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.ports import free_port

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
NAMES = ("localhost", "mx.example.org", "forum.example.org")


@dataclass
class Place:
    folder: Path
    ports: dict[str, int] = field(default_factory=dict)

    def port(self, name: str) -> int:
        return self.ports.setdefault(name, free_port())

    @property
    def authority(self) -> Path:
        return self.folder / "authority.pem"

    @property
    def certificate(self) -> Path:
        return self.folder / "fullchain.pem"

    @property
    def key(self) -> Path:
        return self.folder / "privkey.pem"

    def fitted(self, name: str, **other: str) -> str:
        """A file of docs/deploy with what is different here put in; each of it has to be there."""
        text = (DEPLOY / name).read_text(encoding="utf-8")
        for old, new in other.items():
            assert old in text, f"{name} does not say {old}"
            text = text.replace(old, new)
        return text

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        os.utime(file, (0, 0))  # Postfix reads a fresh one again and again, in case it is still being written
        return file


@contextmanager
def place() -> Iterator[Place]:
    """Not pytest's own folder: nobody but its owner may enter that one."""
    folder = Path(tempfile.mkdtemp(prefix="parvi-"))
    folder.chmod(0o755)
    umask = os.umask(0o022)
    try:
        here = Place(folder)
        certify(here)
        yield here
    finally:
        os.umask(umask)
        shutil.rmtree(folder, ignore_errors=True)


def certify(here: Place) -> None:
    """An authority, and one certificate for all servers."""
    ours, theirs = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
    alternatives = [x509.DNSName(name) for name in NAMES]
    root = _certificate(issuer, issuer, ours, ours).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), True
    )
    leaf = _certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAMES[0])]), issuer, theirs, ours).add_extension(
        x509.SubjectAlternativeName([*alternatives, x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
    )  # fmt: skip
    signed = [each.sign(ours, hashes.SHA256()).public_bytes(Encoding.PEM) for each in (root, leaf)]
    here.authority.write_bytes(signed[0])
    here.certificate.write_bytes(signed[1])
    here.key.write_bytes(theirs.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now, is_root = datetime.now(UTC), subject == issuer
    signs = x509.KeyUsage(
        digital_signature=True, key_cert_sign=is_root, crl_sign=is_root, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2)).add_extension(signs, True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), False)
    )  # fmt: skip
