"""Who may see, download and pass on which imaging exam, and why.

The public names. Extras are imported by their full path, as `exam_sharing.adapters.pydicom`.
"""

from exam_sharing import memory
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

__all__ = ["OWNER", "AccessAt", "AccessEntry", "AccessList", "AccessListScope", "Admin"]
__all__ += ["AlreadyExists", "BatchId", "BatchSealed", "CallerError", "Choice", "Conflict"]
__all__ += ["Denied", "Effect", "EndedAs", "Ending", "Exam", "ExamId", "ExamSharingError", "Grant"]
__all__ += ["GrantId", "Ground", "Group", "GroupId", "Happening", "Holder", "HolderAt", "HostRule"]
__all__ += ["HowEnded", "InputError", "InvalidArgument", "InvalidInput", "InvalidValue"]
__all__ += ["ListedGrant", "ListedNotice", "MembershipCycle", "NarrowRequest", "NearMiss"]
__all__ += ["NoticeId", "NotifierFailed", "Outcome", "Page", "Permission", "Permitted", "Policy"]
__all__ += ["Preview", "PrincipalId", "Reason", "ReasonCode", "Refused", "RequestIdReused"]
__all__ += ["Reshares", "Retries", "RevokeRequest", "Scope", "ShareForm", "ShareId", "ShareNotice"]
__all__ += ["ShareOutcome", "SharePage", "ShareReceipt", "ShareRequest", "Sharing", "ShownGrant"]
__all__ += ["StoreBusy", "StoreFailed", "Study", "Tab", "Unconfirmed", "UnshareReceipt"]
__all__ += ["UnshareRequest", "UntilLimit", "UploadBatch", "User", "UserId", "Viewer"]
__all__ += ["VisibleExam", "WhyNot", "WrongBatch", "WrongKind", "memory", "principal_of"]


def __dir__() -> list[str]:
    return __all__
