"""FastAPI: who is looking, what they may do, errors as answers, and JSON endpoints of sharing.

Needs the extra `fastapi`. It decides nothing: forms and answers are those of `exam_sharing.web`.
"""

from exam_sharing.adapters.fastapi.api import SharingApi

__all__ = ["SharingApi"]
