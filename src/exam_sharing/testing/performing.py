"""Doing by a `Sharing` whatever a person asks for."""

from typing import assert_never

from exam_sharing.policy.plans import ShareReceipt, UnshareReceipt
from exam_sharing.policy.requests import (
    NarrowRequest,
    Request,
    RevokeRequest,
    ShareRequest,
    UnshareRequest,
)
from exam_sharing.sharing import Sharing

__all__ = ["perform"]


def perform(sharing: Sharing, request: Request) -> ShareReceipt | UnshareReceipt:
    """Do what is asked for, by the method that is for it; it raises what that method raises."""
    match request:
        case ShareRequest():
            return sharing.share(request)
        case UnshareRequest():
            return sharing.unshare(request)
        case NarrowRequest():
            return sharing.narrow(request)
        case RevokeRequest():
            return sharing.revoke(request)
        case other:
            assert_never(other)
