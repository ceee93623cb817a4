"""Sharing in a portal that is made with Django: an app for `INSTALLED_APPS`.

Needs the extra `django`; for PostgreSQL also its driver, psycopg 3. The setting `EXAM_SHARING`
names what the portal has: its exams, who may see whom, its policy. `manage.py migrate` creates the
tables, and `open_sharing` returns the portal's `Sharing`. It uses the connections of Django and no
others, so acts inside of `atomic()` commit with the portal's own rows, or not at all.
"""

from exam_sharing.adapters.django.opening import open_sharing
from exam_sharing.adapters.django.views import (
    RequirePermission,
    require,
    require_permission,
    response_to,
    user_id,
    viewer_of,
)

__all__ = ["RequirePermission", "open_sharing", "require", "require_permission", "response_to"]
__all__ += ["user_id", "viewer_of"]
