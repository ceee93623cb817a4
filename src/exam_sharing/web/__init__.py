"""What every portal writes again: from a form to a request, and from an error to an answer.

No framework is needed here, and none is imported. The errors of this package know no HTTP: their
status codes and their sentences for people are in `exam_sharing.web.answers`.
"""

from exam_sharing.web.answers import ENGLISH, MEDIA_TYPE, Answer, Finding, answer_to, named_in
from exam_sharing.web.forms import (
    Fields,
    InvalidForm,
    hidden_fields,
    narrow_request,
    revoke_request,
    share_request,
    unshare_request,
)
from exam_sharing.web.rejections import Rejected, require_json, require_same_site

__all__ = ["ENGLISH", "MEDIA_TYPE", "Answer", "Fields", "Finding", "InvalidForm", "Rejected"]
__all__ += ["answer_to", "hidden_fields", "named_in", "narrow_request", "require_json"]
__all__ += ["require_same_site", "revoke_request", "share_request", "unshare_request"]
