"""Portals with rules of their own, each with one realistic mistake."""

from clinic_portal import FOREVER, Refusal, Rules


class GivesGroupsDownload(Rules):
    """Checks that the actor holds download for users as recipients, and not for groups."""

    def may_download(self, actor, exams, recipients):
        users = any(each.startswith("user:") for each in recipients)
        return not users or super().may_download(actor, exams, recipients)


class LooksForViewGrantsOnly(Rules):
    """Lets those who hold view through a group pass on download."""

    def may_download(self, actor, exams, recipients):
        direct = [g for each in exams for g in self.standing(each) if g["to"] == f"user:{actor}"]
        only_view = bool(direct) and all(g["permission"] == "VIEW" for g in direct)
        return not only_view or super().may_download(actor, exams, recipients)


class OutlivesItsSource(Rules):
    """Makes a share without a time last for good, whatever the actor's own hold."""

    def longest(self, actor, permission, exam):
        return FOREVER


class ForgetsNestedGroups(Rules):
    """Knows the groups that a user is in directly, and no groups around them."""

    def holders(self, user):
        key = f"user:{user}"
        return {key, *(g for g, within in self.groups.items() if key in within)}


class ExpiresLate(Rules):
    """Lets a grant give access at the very time at which it expires."""

    def standing(self, exam):
        return [g for g in self.grants if g["exam"] == exam and self.now <= g["until"]]

    def can(self, user, permission, exam):
        return self.held_until(user, permission, exam) >= self.now


class SharesWhatTheActorCannotSee(Rules):
    """Shares the whole batch, also the exams of it that the actor cannot see."""

    def covered(self, actor, exam, scope):
        batch = self.exams[exam]["batch"]
        same = [e for e, each in self.exams.items() if scope == "BATCH" and each["batch"] == batch]
        return list(dict.fromkeys([exam, *same]))


class LetsAnyViewerUnshare(Rules):
    """Lets everybody with access end the grants of others."""

    def may_end(self, actor, grant):
        return self.can(actor, "VIEW", grant["exam"]) or super().may_end(actor, grant)


class DisclosesWhatIsThere(Rules):
    """Answers another code for an exam that the actor may not see than for an unknown one."""

    def share(self, actor, exam, form):
        if exam in self.exams and not self.can(actor, "VIEW", exam):
            raise Refusal("FORBIDDEN")
        return super().share(actor, exam, form)


BROKEN_CLINICS = [each for each in Rules.__subclasses__() if each.__module__ == __name__]
