"""Timestamps of seals by an authority, over rfc3161-client.

Needs the extra `timestamps`. Nothing here opens a connection: the host posts the request to its
authority, as `application/timestamp-query`, and keeps the response beside the exported seal.
"""

from datetime import UTC, datetime

from cryptography.x509 import load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from exam_sharing.errors import InvalidArgument, InvalidInput
from exam_sharing.seals import Seal
from exam_sharing.validation import require_kind

__all__ = ["timestamp_request", "timestamped_at"]


def timestamp_request(seal: Seal) -> bytes:
    """Return the request for a timestamp of a seal, in DER.

    It has no nonce: no two seals have one digest, so an old response is one of another seal.
    """
    require_kind("seal", seal, Seal)
    builder = TimestampRequestBuilder().data(_content(seal)).hash_algorithm(HashAlgorithm.SHA256)
    request: bytes = builder.cert_request(cert_request=True).nonce(nonce=False).build().as_bytes()
    return request


def timestamped_at(seal: Seal, response: bytes, *, roots: bytes) -> datetime:
    """Return when an authority has seen a seal, in UTC, after a check of its response.

    `response` is in DER, as it came. `roots` are the certificates to trust, in PEM: not those that
    the response brings.

    Raises:
        InvalidArgument: the roots cannot be read.
        InvalidInput: the response is no valid timestamp of this seal.
    """
    require_kind("seal", seal, Seal)
    require_kind("response", response, bytes)
    require_kind("roots", roots, bytes)
    builder = VerifierBuilder()
    try:
        for root in load_pem_x509_certificates(roots):
            builder = builder.add_root_certificate(root)
        verifier = builder.build()
    except ValueError:
        raise InvalidArgument("roots", "must be certificates in PEM") from None
    try:
        stamp = decode_timestamp_response(response)
        verifier.verify_message(stamp, _content(seal))
        at: datetime = stamp.tst_info.gen_time
    except (ValueError, VerificationError):
        raise InvalidInput("response", "is no valid timestamp of this seal") from None
    return at.astimezone(UTC)


def _content(seal: Seal) -> bytes:
    return seal.digest.encode()
