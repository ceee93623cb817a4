"""How a refusal is told: every reason, with its code, what to do, and by which option."""

import sys
from argparse import Namespace
from typing import Final

from exam_sharing import Policy, Reason, ReasonCode
from exam_sharing.cli.documents import reply_document, written
from exam_sharing.cli.replies import Refusal
from exam_sharing.cli.words import Words

__all__ = ["print_refusal"]

_HERE: Final = {
    ReasonCode.ATTESTATION_MISSING: f"--confirm-hipaa says: {Policy().attestation_wording}",
    ReasonCode.DOWNLOAD_NOT_HELD: "leave out --download",
    ReasonCode.HAS_RESHARES: "--cascade or --keep",
}
"""What the command has to say beyond what every portal says."""


def print_refusal(
    reasons: tuple[Reason, ...], arguments: Namespace, version: str, words: Words
) -> None:
    """Print a refusal: for machines on standard output, for people on standard error."""
    if arguments.json:
        print(written(reply_document(Refusal(reasons=reasons), version)))
        return
    print("exam-sharing: refused, and nothing was done", file=sys.stderr)
    for reason in reasons:
        print(f"  {reason.code.value}: {words.remedy(reason)}", file=sys.stderr)
        if reason.code in _HERE:
            print(f"    {_HERE[reason.code]}", file=sys.stderr)
