"""A small portal with rules of its own, and portals with one realistic mistake each.

The docstring of a variant is its mistake. The rules are right for histories of three acts: cascades
neither narrow a grant nor know what an unsupported grant rested on.
"""

LEVELS = ("VIEW", "DOWNLOAD")


def refused(code):
    return {"refused": [{"code": code}]}


class OwnRules:
    """Shares one exam; a grant is who gave it, to whom, and the permission."""

    def __init__(self, given):
        (self.exam,) = given["uploads"][0]["exams"]
        self.owner = self.exam["owner"]
        self.members = {f"group:{each['id']}": each["members"] for each in given["groups"]}
        self.grants = []

    def do(self, act):
        return {"share": self.share, "unshare": self.unshare}[act["act"]](act)

    def ask(self, question):
        return getattr(self, question["question"])(question)

    def share(self, act):
        actor, (to,), permission = act["actor"], act["recipients"], act.get("permission", "VIEW")
        if not self.holds(actor, "VIEW"):
            return refused("EXAM_NOT_FOUND")
        if to in {f"user:{actor}", f"user:{self.owner}"}:
            return refused("RECIPIENT_IS_OWNER")
        if not self.may_pass_on(actor, permission, to):
            return refused("DOWNLOAD_NOT_HELD")
        if not any(g[:2] == (actor, to) and g[2] in self.enough(permission) for g in self.grants):
            self.grants.append((actor, to, permission))
        return {"shared": []}

    def unshare(self, act):
        actor, to = act["actor"], act["recipient"]
        named = [grant for grant in self.grants if grant[1] == to]
        ended = [grant for grant in named if self.may_end(actor, grant)]
        if not ended:
            return refused("NO_SUCH_GRANT")
        before, self.grants = self.grants, [each for each in self.grants if each not in ended]
        if act.get("reshares") == "CASCADE":
            self.cascade(before)
        return {"ended": []}

    def may_end(self, actor, grant):
        return actor in {self.owner, grant[0]} or grant[1] == f"user:{actor}"

    def cascade(self, before):
        lost = self.supported(before) - self.supported(self.grants)
        self.grants = [each for each in self.grants if each not in lost]

    def supported(self, grants):
        found = set()
        while more := {
            (by, to, permission)
            for by, to, permission in set(grants) - found
            if by == self.owner or self.given(found, by, permission)
        }:
            found |= more
        return found

    def may_pass_on(self, actor, permission, _to):
        return self.holds(actor, permission)

    def holds(self, user, permission):
        return user == self.owner or self.given(self.grants, user, permission)

    def given(self, grants, user, permission):
        to = {f"user:{user}", *self.groups_of(user)}
        return any(g[0] != user and g[1] in to and g[2] in self.enough(permission) for g in grants)

    def groups_of(self, user):
        return {group for group, members in self.members.items() if f"user:{user}" in members}

    def enough(self, permission):
        return LEVELS[LEVELS.index(permission) :]

    def can(self, question):
        return self.holds(question["user"], question["permission"])

    def visible_to(self, question):
        held = [each for each in LEVELS if self.holds(question["user"], each)]
        return [{"exam": self.exam["id"], "permission": each} for each in held[-1:]]

    def shared_with(self, question):
        return [] if question["user"] == self.owner else self.visible_to(question)

    def access_list(self, question):
        if not self.holds(question["user"], "VIEW"):
            return refused("EXAM_NOT_FOUND")
        entries = [
            {
                "principal": principal,
                "grants": [
                    {"grantor": by, "permission": permission}
                    for by, to, permission in self.grants
                    if to == principal
                ],
            }
            for principal in dict.fromkeys(grant[1] for grant in self.grants)
        ]
        return {"owner": self.owner, "entries": entries}


class PassesDownloadToGroups(OwnRules):
    """A viewer passes download on to a group."""

    def may_pass_on(self, actor, permission, to):
        return to.startswith("group:") or super().may_pass_on(actor, permission, to)


class PassesOnDownloadThroughGroups(OwnRules):
    """A user who holds view through a group passes download on."""

    def may_pass_on(self, actor, permission, to):
        through = any(grant[1] in self.groups_of(actor) for grant in self.grants)
        return through or super().may_pass_on(actor, permission, to)


class ListsByUserAlone(OwnRules):
    """The list of shared exams leaves out those that were shared with a group."""

    def shared_with(self, question):
        direct = any(grant[1] == f"user:{question['user']}" for grant in self.grants)
        return super().shared_with(question) if direct else []


class ListsWithoutDownload(OwnRules):
    """The access list shows every grant as one to view."""

    def access_list(self, question):
        listed = super().access_list(question)
        for entry in listed.get("entries", ()):
            for grant in entry["grants"]:
                grant["permission"] = "VIEW"
        return listed


class ShowsItsListToEverybody(OwnRules):
    """A user without access sees the access list."""

    def access_list(self, question):
        return super().access_list({**question, "user": self.owner})


class EndsBeforeItRefuses(OwnRules):
    """An unsharing that is refused has ended the grant."""

    def unshare(self, act):
        answer = super().unshare(act)
        if "refused" in answer:
            self.grants = [each for each in self.grants if each[1] != act["recipient"]]
        return answer


class NeverCascades(OwnRules):
    """A cascade leaves the re-shares as they are."""

    def cascade(self, before):
        pass


class OwnerEndsOwnAlone(OwnRules):
    """The owner cannot end the grants of others."""

    def may_end(self, actor, grant):
        return actor == grant[0] or grant[1] == f"user:{actor}"


class FailsForStrangers(OwnRules):
    """Unsharing by somebody without access is an error of the server."""

    def unshare(self, act):
        if not self.holds(act["actor"], "VIEW"):
            raise LookupError("no session")
        return super().unshare(act)
