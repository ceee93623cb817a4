"""The setting `EXAM_SHARING` of a portal: what it says, and what is wrong with it.

Each part is read by a function of its own. So the system checks report everything that is wrong at
once, and `open_sharing` fails at the first.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import attrs
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, FieldError, ImproperlyConfigured
from django.db import connections, models
from django.db.models.functions import Coalesce, Concat, NullIf, Trim
from django.utils.module_loading import import_string

from exam_sharing.adapters.django.querysets import Actor, columns_of, is_among, model_behind
from exam_sharing.adapters.django.transactions import DRIVERS
from exam_sharing.adapters.sqlalchemy import (
    GroupColumns,
    MemberColumns,
    TableExams,
    UserColumns,
)
from exam_sharing.errors import CallerError
from exam_sharing.policy.settings import Policy
from exam_sharing.ports import HostFacts, NoHostFacts, Notifier
from exam_sharing.web.answers import ENGLISH

NAME: Final = "EXAM_SHARING"

ValueT = TypeVar("ValueT")
_Given = Mapping[str, Any]

_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "USERS": frozenset(
        {"name", "email", "active", "sharing_in_plan", "notices", "where", "visible"}
    ),
    "GROUPS": frozenset(
        {"model", "name", "members", "subgroups", "where", "visible", "members_visible"}
    ),
    "EXAMS": frozenset({"model", "id", "owner", "batch", "uploaded_at", "subject", "where"}),
}
"""The keys of each part that is a dictionary."""

_PARTS: Final = frozenset(
    {
        *("DATABASE", "POLICY", "NOTIFIER", "HOST_FACTS", "SEARCH", "HISTORY", "SENDS_AT_ONCE"),
        *("SENTENCES", *_KEYS),
    }
)

_GROUPS: Final[_Given] = {"model": "auth.Group", "name": "name", "members": "user"}


@attrs.frozen(kw_only=True)
class People:
    """The columns of a portal's users, groups and memberships."""

    users: UserColumns
    groups: GroupColumns | None = None
    users_in_groups: MemberColumns | None = None
    groups_in_groups: MemberColumns | None = None


def _given() -> _Given:
    given = getattr(settings, NAME, {})
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured(f"{NAME} must be a dictionary")
    unknown = sorted(map(str, given.keys() - _PARTS))
    if unknown:
        raise ImproperlyConfigured(f"{NAME} has no {', '.join(unknown)}")
    return given


def _part(name: str, default: _Given) -> _Given:
    given = _given().get(name, {})
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured(f"{NAME}[{name!r}] must be a dictionary")
    unknown = sorted(map(str, given.keys() - _KEYS[name]))
    if unknown:
        raise ImproperlyConfigured(f"{NAME}[{name!r}] has no {', '.join(unknown)}")
    return {**default, **given}


def database() -> str:
    """Return the alias of the database in which sharing is kept."""
    using = _given().get("DATABASE", "default")
    if using not in connections.settings:
        raise ImproperlyConfigured(f"{NAME}['DATABASE'] names no database of DATABASES")
    connection: Any = connections[using]
    if connection.vendor not in DRIVERS:
        raise ImproperlyConfigured(f"DATABASES[{using!r}] must be PostgreSQL or SQLite")
    if connection.vendor == "postgresql" and connection.Database.__name__ != "psycopg":
        raise ImproperlyConfigured(f"DATABASES[{using!r}] must be used by psycopg 3")
    if not connection.settings_dict["AUTOCOMMIT"]:
        raise ImproperlyConfigured(f"DATABASES[{using!r}] must not set AUTOCOMMIT to False")
    return str(using)


def policy() -> Policy:
    """Return the deployment's policy."""
    found: Policy = _named("POLICY", Policy)
    if not isinstance(found, Policy):
        raise ImproperlyConfigured(f"{NAME}['POLICY'] must name a Policy, or a function of one")
    return found


def notifier() -> Notifier | None:
    """Return what sends notices, if anything does."""
    found: Notifier | None = _named("NOTIFIER", lambda: None)
    return found


def host_facts() -> HostFacts:
    """Return the facts for rules of the host's own."""
    found: HostFacts = _named("HOST_FACTS", NoHostFacts)
    return found


def sentences() -> Mapping[str, str]:
    """Return the sentences of answers, with those that the portal replaces."""
    given = _imported(f"{NAME}['SENTENCES']", _given().get("SENTENCES", {}))
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured(f"{NAME}['SENTENCES'] must be a dictionary, or name one")
    unknown = sorted(str(each) for each in given if str(each).partition(".")[0] not in ENGLISH)
    if unknown:
        raise ImproperlyConfigured(f"{NAME}['SENTENCES'] has unknown codes: {', '.join(unknown)}")
    return {**ENGLISH, **given}


def sends_at_once() -> bool:
    """Return whether a share sends its own notices once it has committed."""
    return _flag("SENDS_AT_ONCE", default=True)


def searches() -> bool:
    """Return whether our tables find people by their names, as among many thousands."""
    return _flag("SEARCH", default=False)


def keeps_history() -> bool:
    """Return whether our tables keep the history of users and groups."""
    return _flag("HISTORY", default=False)


def _flag(name: str, *, default: bool) -> bool:
    given = _given().get(name, default)
    if not isinstance(given, bool):
        raise ImproperlyConfigured(f"{NAME}[{name!r}] must be True or False")
    return given


def user_model() -> Any:
    """Return the model whose rows are the users, behind any proxy."""
    return get_user_model()._meta.concrete_model


def group_model() -> Any:
    """Return the model of the portal's groups, or `None` if it has no groups."""
    if _given().get("GROUPS", {}) is None:
        return None
    return _model("GROUPS", _part("GROUPS", _GROUPS)["model"])


def membership_models() -> frozenset[Any]:
    """Return the models whose rows are the memberships of the portal's groups."""
    model = group_model()
    if model is None:
        return frozenset()
    given = _part("GROUPS", _GROUPS)
    paths = {str(given.get(key)).partition("__")[0] for key in ("members", "subgroups")}
    return frozenset(
        # A relation to many may be declared by either side.
        (field.remote_field if field.concrete else field).through
        if field.many_to_many
        else field.related_model
        for field in model._meta.get_fields()
        if field.name in paths and (field.many_to_many or field.one_to_many)
    )


def _named(name: str, default: Callable[[], Any]) -> Any:
    """Return what a dotted path names, or what the function or class returns that it names."""
    path = _given().get(name)
    if path is None:
        return default()
    found = _imported(f"{NAME}[{name!r}]", path)
    return found() if callable(found) else found


def _imported(where: str, path: object) -> Any:
    if not isinstance(path, str):
        return path
    try:
        return import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(f"{where}: {error}") from error


def people() -> People:
    """Return the columns of users, groups and memberships."""
    using, model = database(), get_user_model()
    users = _users(model, using)
    if _given().get("GROUPS", {}) is None:
        return People(users=users)
    return _with_groups(users, using)


def _users(model: Any, using: str) -> UserColumns:
    email = _path_if_there(model, model.get_email_field_name())
    given = _part("USERS", {"name": _full_name(model), "email": email, "active": "is_active"})
    flags = {key: given.get(key, True) for key in ("active", "sharing_in_plan", "notices")}
    wanted = {"id": "pk", "name": given["name"], "email": given["email"], **flags}
    columns = _columns("USERS", model, given, wanted, using)
    visible = _visible("USERS", "visible", given, columns["id"], model, using)
    return UserColumns(**columns, **visible)


def _full_name(model: Any) -> Any:
    """Return the first and the last name, or else the name by which a user signs in."""
    sign_in = model.USERNAME_FIELD
    if not all(_path_if_there(model, each) for each in ("first_name", "last_name")):
        return sign_in
    both = Trim(Concat("first_name", models.Value(" "), "last_name"))
    return Coalesce(NullIf(both, models.Value("")), models.F(sign_in))


def _path_if_there(model: Any, name: str) -> str | None:
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return name


def _with_groups(users: UserColumns, using: str) -> People:
    given, model = _part("GROUPS", _GROUPS), group_model()
    columns = _columns("GROUPS", model, given, {"id": "pk", "name": given["name"]}, using)
    visible = {
        **_visible("GROUPS", "visible", given, columns["id"], model, using),
        **_visible("GROUPS", "members_visible", given, columns["id"], model, using),
    }

    def members(key: str, name: str, of: Any) -> MemberColumns | None:
        path = given.get(key)
        if path is None:
            return None
        wanted = {"group": "pk", "member": path}
        some = {"where": ~models.Q(**{path: None})}
        refers = {"member": of}
        return MemberColumns(**_columns("GROUPS", model, some, wanted, using, name, refers))

    return People(
        users=users,
        groups=GroupColumns(**columns, **visible),
        users_in_groups=members("members", "memberships", get_user_model()),
        groups_in_groups=members("subgroups", "nesting", model),
    )


def exams() -> TableExams | None:
    """Return the columns of the portal's exams, if it keeps them in a model of its own."""
    if "EXAMS" not in _given():
        return None
    given = exam_fields()
    wanted = {key: each for key, each in given.items() if key not in {"model", "where"}}
    refers = {"owner": get_user_model()}
    columns = _columns("EXAMS", given["model"], given, wanted, database(), refers=refers)
    with _saying("EXAMS"):
        return TableExams(**columns)


def exam_fields() -> _Given:
    """Return the model of the portal's exams, and the paths of what it holds."""
    given = _part("EXAMS", {"id": "pk"})
    if not settings.USE_TZ:
        raise ImproperlyConfigured(f"{NAME}['EXAMS'] needs USE_TZ = True: times are in UTC")
    missing = sorted({"model", "owner", "batch", "uploaded_at"} - given.keys())
    if missing:
        raise ImproperlyConfigured(f"{NAME}['EXAMS'] needs {', '.join(missing)}")
    return {**given, "model": _model("EXAMS", given["model"])}


def _model(part: str, name: str) -> Any:
    try:
        return apps.get_model(name)
    except (LookupError, ValueError, AttributeError) as error:
        raise ImproperlyConfigured(f"{NAME}[{part!r}]['model']: {error}") from error


def _columns(
    part: str,
    model: Any,
    given: _Given,
    wanted: Mapping[str, Any],
    using: str,
    name: str | None = None,
    refers: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return columns of a model; those in `refers` must be ids of rows of another model."""
    rows = model._default_manager.using(using)
    where = given.get("where", models.Q())
    with _saying(part):
        rows = rows.filter(where if isinstance(where, models.Q) else models.Q(**where))
        if _repeats(rows):
            rows = model._default_manager.using(using).filter(pk__in=rows.values("pk"))
        for key, model_of_ids in (refers or {}).items():
            _require_ids_of(model_of_ids, rows, wanted[key])
        some = {key: each for key, each in wanted.items() if each is not None}
        return {**wanted, **columns_of(rows, name or f"host_{part.lower()}", some, using)}


def _repeats(rows: Any) -> bool:
    """Return whether a queryset may hold a row several times, by a join to several others."""
    joins = (getattr(each, "join_field", None) for each in rows.query.alias_map.values())
    return any(getattr(each, "one_to_many", False) for each in joins)


def _require_ids_of(model: Any, rows: Any, path: Any) -> None:
    """Raise `ValueError` if a path leads to keys of another model: these could be anybody's."""
    found = model_behind(rows, path)
    if found is not None and found._meta.concrete_model is not model._meta.concrete_model:
        raise ValueError(f"{path!r} leads to {found._meta.label}, not {model._meta.label}")


@contextmanager
def _saying(part: str) -> Iterator[None]:
    """Say which part of the setting was wrong."""
    try:
        yield
    except (FieldError, CallerError, TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"{NAME}[{part!r}]: {error}") from error


def _visible(
    part: str, key: str, given: _Given, column: Any, model: Any, using: str
) -> dict[str, Any]:
    if key not in given:
        return {}
    where = f"{NAME}[{part!r}][{key!r}]"
    choose = _imported(where, given[key])

    def visible(actor: Any) -> Any:
        chosen = choose(Actor())
        if getattr(chosen, "model", model)._meta.concrete_model is not model._meta.concrete_model:
            raise ImproperlyConfigured(f"{where} must return a queryset of {model._meta.label}")
        return is_among(chosen, column, actor, using)

    return {key: visible}
