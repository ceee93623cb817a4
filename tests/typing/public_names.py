"""Read by mypy, never run: the types that users of the package are promised."""

from typing import assert_type

from exam_sharing import ExamId, Permission, UserId

assert_type(Permission.VIEW < Permission.DOWNLOAD, bool)
assert_type(str(UserId("alice")), str)

# A kind of id is not another: what mypy reports here must stay an error.
wanted: ExamId = UserId("E1")  # type: ignore[assignment]
