"""Sharing in a portal that is made with Django: an app for `INSTALLED_APPS`.

Needs the extra `django`; for PostgreSQL also its driver, psycopg 3. The setting `EXAM_SHARING`
names what the portal has: its exams, who may see whom, its policy. `manage.py migrate` creates the
tables, and `open_sharing` returns the portal's `Sharing`. It uses the connections of Django and no
others, so acts inside of `atomic()` commit with the portal's own rows, or not at all.
"""

from exam_sharing.adapters.django.indexes import create_exam_indexes, drop_exam_indexes
from exam_sharing.adapters.django.opening import (
    open_sharing,
    owner_changed,
    record_changes,
    update_search,
)
from exam_sharing.adapters.django.views import (
    RequirePermission,
    require,
    require_permission,
    response_to,
    user_id,
    viewer_of,
)

__all__ = ["RequirePermission", "create_exam_indexes", "drop_exam_indexes", "open_sharing"]
__all__ += ["owner_changed", "record_changes", "require", "require_permission", "response_to"]
__all__ += ["update_search", "user_id", "viewer_of"]
