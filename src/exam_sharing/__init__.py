"""Who may see, download and pass on which imaging exam, and why.

The public names. Extras are imported by their full path, as `exam_sharing.adapters.pydicom`.
"""

from exam_sharing import memory
from exam_sharing.accesses import Access, Disclosure, ShownAccess
from exam_sharing.admin import Admin
from exam_sharing.errors import (
    AlreadyExists,
    BatchSealed,
    CallerError,
    Conflict,
    ExamSharingError,
    InputError,
    InvalidArgument,
    InvalidInput,
    InvalidValue,
    MembershipCycle,
    NotifierFailed,
    RequestIdReused,
    StoreBusy,
    StoreFailed,
    Unconfirmed,
    WrongBatch,
    WrongKind,
)
from exam_sharing.events import ListedNotice, ShareNotice
from exam_sharing.exams import Exam, Study, UploadBatch
from exam_sharing.grants import OWNER, EndedAs, Ending, Grant, HowEnded, Permission, ShownGrant
from exam_sharing.graph import DrawnGrant, SharingGraph
from exam_sharing.history import Happening
from exam_sharing.identifiers import (
    BatchId,
    ExamId,
    GrantId,
    GroupId,
    NoticeId,
    PrincipalId,
    ShareId,
    UserId,
    principal_of,
)
from exam_sharing.policy.access import Holder
from exam_sharing.policy.decisions import (
    Denied,
    Ground,
    NearMiss,
    Permitted,
    Reason,
    ReasonCode,
    Refused,
    WhyNot,
)
from exam_sharing.policy.past import AccessAt, HolderAt
from exam_sharing.policy.plans import (
    Effect,
    Outcome,
    Preview,
    ShareOutcome,
    ShareReceipt,
    UnshareReceipt,
    UntilLimit,
)
from exam_sharing.policy.requests import (
    NarrowRequest,
    Reshares,
    RevokeRequest,
    Scope,
    ShareRequest,
    UnshareRequest,
)
from exam_sharing.policy.retries import Retries
from exam_sharing.policy.settings import AccessListScope, HostRule, Policy
from exam_sharing.policy.views import (
    AccessEntry,
    AccessList,
    Choice,
    ListedGrant,
    Page,
    ShareForm,
    SharePage,
    Tab,
    VisibleExam,
)
from exam_sharing.principals import Group, User
from exam_sharing.sharing import Sharing, Viewer

__all__ = ["OWNER", "Access", "AccessAt", "AccessEntry", "AccessList", "AccessListScope", "Admin"]
__all__ += ["AlreadyExists", "BatchId", "BatchSealed", "CallerError", "Choice", "Conflict"]
__all__ += ["Denied", "Disclosure", "DrawnGrant", "Effect", "EndedAs", "Ending", "Exam", "ExamId"]
__all__ += ["ExamSharingError", "Grant", "GrantId", "Ground", "Group", "GroupId", "Happening"]
__all__ += ["Holder", "HolderAt", "HostRule", "HowEnded", "InputError", "InvalidArgument"]
__all__ += ["InvalidInput", "InvalidValue", "ListedGrant", "ListedNotice", "MembershipCycle"]
__all__ += ["NarrowRequest", "NearMiss", "NoticeId", "NotifierFailed", "Outcome", "Page"]
__all__ += ["Permission", "Permitted", "Policy", "Preview", "PrincipalId", "Reason", "ReasonCode"]
__all__ += ["Refused", "RequestIdReused", "Reshares", "Retries", "RevokeRequest", "Scope"]
__all__ += ["ShareForm", "ShareId", "ShareNotice", "ShareOutcome", "SharePage", "ShareReceipt"]
__all__ += ["ShareRequest", "Sharing", "SharingGraph", "ShownAccess", "ShownGrant", "StoreBusy"]
__all__ += ["StoreFailed", "Study", "Tab", "Unconfirmed", "UnshareReceipt", "UnshareRequest"]
__all__ += ["UntilLimit", "UploadBatch", "User", "UserId", "Viewer", "VisibleExam", "WhyNot"]
__all__ += ["WrongBatch", "WrongKind", "memory", "principal_of"]


def __dir__() -> list[str]:
    return __all__
