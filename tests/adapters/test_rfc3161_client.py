"""Timestamps of seals, by an authority of our own: `openssl ts`, without a network."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import attrs
import pytest

pytest.importorskip("rfc3161_client")
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import exam_sharing as es
from exam_sharing.adapters.rfc3161_client import timestamp_request, timestamped_at
from exam_sharing.seals import Seal, SealedLog, packed

START = datetime(2030, 1, 1, tzinfo=UTC)
SEAL = Seal.after(None, START, [SealedLog.over("events", 2, packed([(2, bytes(32))]))])
CONFIG = """\
[tsa]
default_tsa = ours
[ours]
serial = {folder}/serial
default_policy = 1.2.3.4
digests = sha256
signer_digest = sha256
certs = {folder}/tsa.pem
"""


@attrs.frozen
class Authority:
    """An authority that signs times, in a folder of its own."""

    folder: object
    root: bytes

    def response(self, request):
        (self.folder / "request").write_bytes(request)
        command = [
            *("openssl", "ts", "-reply", "-config", self.folder / "config"),
            *("-queryfile", self.folder / "request", "-out", self.folder / "response"),
            *("-signer", self.folder / "tsa.pem", "-inkey", self.folder / "tsa.key"),
        ]
        subprocess.run(command, check=True, capture_output=True)
        return (self.folder / "response").read_bytes()


def certificate(name, *, by=None, timestamps=False):
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = (subject, key) if by is None else (by[0].subject, by[1])
    builder = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    )
    if timestamps:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(signer, hashes.SHA256()), key


def pem(made):
    return made.public_bytes(serialization.Encoding.PEM)


def founded(folder):
    folder.mkdir()
    root = certificate("Root")
    tsa, key = certificate("Times", by=root, timestamps=True)
    (folder / "tsa.pem").write_bytes(pem(tsa))
    (folder / "tsa.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (folder / "serial").write_text("01\n")
    (folder / "config").write_text(CONFIG.format(folder=folder))
    return Authority(folder, pem(root[0]))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl, which signs times")
    return founded(tmp_path_factory.mktemp("authorities") / "ours")


@pytest.fixture(scope="module")
def response(authority):
    return authority.response(timestamp_request(SEAL))


def test_a_timestamp_of_a_seal_has_the_time_of_the_authority(authority, response):
    at = timestamped_at(SEAL, response, roots=authority.root)
    assert at.tzinfo is UTC
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_timestamp_of_another_seal_is_refused(authority, response):
    other = attrs.evolve(SEAL, at=START + timedelta(seconds=1))
    with pytest.raises(es.InvalidInput, match="no valid timestamp of this seal"):
        timestamped_at(other, response, roots=authority.root)


def test_a_timestamp_by_another_authority_is_refused(tmp_path, response, authority):
    other = founded(tmp_path / "other")
    with pytest.raises(es.InvalidInput, match="no valid timestamp of this seal"):
        timestamped_at(SEAL, response, roots=other.root)


@pytest.mark.parametrize("edit", [lambda _: b"", lambda _: b"no DER", lambda whole: whole[:-9]])
def test_what_is_no_response_is_refused(authority, response, edit):
    with pytest.raises(es.InvalidInput, match="no valid timestamp of this seal"):
        timestamped_at(SEAL, edit(response), roots=authority.root)


def test_an_edited_response_is_refused(authority, response):
    """Whatever bit of it was changed, it is no timestamp of another time."""
    at = timestamped_at(SEAL, response, roots=authority.root)
    for place in range(0, len(response), 40):
        edited = bytearray(response)
        edited[place] ^= 1
        try:
            assert timestamped_at(SEAL, bytes(edited), roots=authority.root) == at
        except es.InvalidInput:
            continue


@pytest.mark.parametrize("roots", [b"", b"no PEM"])
def test_roots_that_cannot_be_read_are_the_callers_mistake(response, roots):
    with pytest.raises(es.InvalidArgument, match="must be certificates in PEM"):
        timestamped_at(SEAL, response, roots=roots)
