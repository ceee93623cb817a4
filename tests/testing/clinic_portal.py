"""A small portal over HTTP with rules of its own: its rules share no code with the package.

`Rules` decides, `answer` is the endpoints, and `Portal` uses them as a portal in plain data: by a
function call, or over HTTP.
"""

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from threading import Thread
from urllib.parse import quote, unquote

from exam_sharing.testing.cases import cases

FOREVER, NEVER = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)

HAS = {
    "acts": {"share", "unshare", "clock", "user", "group", "upload"},
    "questions": {"can", "tabs", "visible_to"},
    "details": False,
    "without": {
        *("performed_by", "request_id", "wording", "message", "expect", "reshares"),
        *("policy", "unseen", "unseen_members", "sealed", "subject"),
        *("shared", "ended", "replaced_by", "left_standing", "still_have_access"),
    },
}
"""What this portal has, for `run_portal_machine`."""


def for_clinic():
    """Yield the cases that this portal can run, without those of malformed input."""
    chosen = {name: value for name, value in HAS.items() if name != "without"}
    for case in cases(**chosen, choices=False):
        given, acts = case["given"], [*case["given"]["acts"], *filter(None, [case["when"]])]
        odd = given["policy"] or given["unseen"] or given["unseen_members"]
        odd = odd or any(each["sealed"] for each in given["uploads"])
        odd = odd or "error" in (case["outcome"] or {})
        if not odd and all(HAS["without"].isdisjoint(act) for act in acts):
            outcome = (case["outcome"] or {}).items()
            left = {name: value for name, value in outcome if name not in HAS["without"]}
            yield {**case, "outcome": None if case["outcome"] is None else left}


class Refusal(Exception):
    """An act is refused, for these codes."""


class Rules:
    """Who may see, download and pass on which exam: dictionaries, and a list of grants."""

    def __init__(self):
        self.now, self.users, self.groups, self.exams, self.grants = None, {}, {}, {}, []

    def holders(self, user):
        """Return the user and every group that the user is in, directly or through others."""
        found, more = set(), {f"user:{user}"}
        while more:
            found |= more
            more = {g for g, within in self.groups.items() if found & within} - found
        return found

    def held_until(self, user, permission, exam):
        if exam not in self.exams or not self.is_active(user):
            return NEVER
        if self.exams[exam]["owner"] == user:
            return FOREVER
        return self.latest(self.reaching(user, exam), permission)

    def reaching(self, user, exam):
        theirs = self.holders(user)
        return [g for g in self.standing(exam) if g["to"] in theirs and g["by"] != user]

    def standing(self, exam):
        return [g for g in self.grants if g["exam"] == exam and self.now < g["until"]]

    def latest(self, grants, permission):
        enough = {permission, "DOWNLOAD"}
        return max((g["until"] for g in grants if g["permission"] in enough), default=NEVER)

    def can(self, user, permission, exam):
        return self.held_until(user, permission, exam) > self.now

    def is_active(self, user):
        return self.users.get(user, {}).get("active", False)

    def tabs(self, user, exam):
        if not self.can(user, "VIEW", exam):
            raise Refusal("EXAM_NOT_FOUND")
        there = {"DOWNLOAD": self.can(user, "DOWNLOAD", exam), "VIEW": True}
        there["SHARE"] = self.users[user]["sharing_in_plan"]
        return sorted(tab for tab, is_there in there.items() if is_there)

    def visible(self, user):
        by_upload = sorted(self.exams, key=lambda e: (self.exams[e]["uploaded_at"], e))
        highest = {True: "DOWNLOAD", False: "VIEW"}
        return [
            {"exam": exam, "permission": highest[self.can(user, "DOWNLOAD", exam)]}
            for exam in reversed(by_upload)
            if self.can(user, "VIEW", exam)
        ]

    def share(self, actor, exam, form):
        if not self.can(actor, "VIEW", exam):
            raise Refusal("EXAM_NOT_FOUND")
        permission, until = form["permission"], moment(form.get("until"))
        exams = self.covered(actor, exam, form["scope"])
        codes = [*self.against_form(actor, exam, form)]
        if permission == "DOWNLOAD" and not self.may_download(actor, exams, form["recipients"]):
            codes.append("DOWNLOAD_NOT_HELD")
        if until is not None:
            held = [self.held_until(actor, permission, each) for each in exams]
            codes += ["EXPIRY_IN_PAST"] if until <= self.now else []
            codes += ["EXPIRY_BEYOND_OWN"] if any(self.now < h < until for h in held) else []
        if codes:
            raise Refusal(*codes)
        for each, to in product(exams, form["recipients"]):
            self.give(actor, each, to, permission, until or self.longest(actor, permission, each))

    def covered(self, actor, exam, scope):
        seen = [each["exam"] for each in self.visible(actor) if scope == "BATCH"]
        same = [e for e in seen if self.exams[e]["batch"] == self.exams[exam]["batch"]]
        return list(dict.fromkeys([exam, *same]))

    def may_download(self, actor, exams, recipients):
        return all(self.can(actor, "DOWNLOAD", each) for each in exams)

    def longest(self, actor, permission, exam):
        return self.held_until(actor, permission, exam)

    def against_form(self, actor, exam, form):
        recipients, in_plan = set(form["recipients"]), self.users[actor]["sharing_in_plan"]
        known = self.groups.keys() | {f"user:{u}" for u in self.users if self.is_active(u)}
        owner = {f"user:{self.exams[exam]['owner']}"} & known
        codes = {
            "SHARING_NOT_IN_PLAN": not in_plan,
            "ATTESTATION_MISSING": not form["attested"],
            "NO_RECIPIENTS": not recipients,
            "RECIPIENT_NOT_FOUND": in_plan and not recipients <= known,
            "RECIPIENT_IS_SELF": in_plan and f"user:{actor}" in recipients,
            "RECIPIENT_IS_OWNER": in_plan and owner & recipients,
        }
        return [code for code, applies in codes.items() if applies]

    def give(self, actor, exam, to, permission, until):
        mine = [g for g in self.standing(exam) if (g["by"], g["to"]) == (actor, to)]
        if to != f"user:{self.exams[exam]['owner']}" and self.latest(mine, permission) < until:
            given = {"by": actor, "to": to, "permission": permission, "until": until}
            self.grants.append({"exam": exam, **given})

    def unshare(self, actor, exam, to):
        access = self.can(actor, "VIEW", exam)
        ever = any((g["exam"], g["by"]) == (exam, actor) for g in self.grants)
        if not (access or (ever and exam in self.exams and self.is_active(actor))):
            raise Refusal("EXAM_NOT_FOUND")
        given = [g for g in self.standing(exam) if g["to"] == to]
        ended = [g for g in given if self.may_end(actor, g)]
        if not ended:
            raise Refusal("NOT_GRANTOR_OR_OWNER" if given and access else "NO_SUCH_GRANT")
        self.grants = [{**g, "until": self.now} if g in ended else g for g in self.grants]

    def may_end(self, actor, grant):
        owns = self.exams[grant["exam"]]["owner"] == actor
        return owns or grant["by"] == actor or grant["to"] == f"user:{actor}"


def moment(written):
    return None if written is None else datetime.fromisoformat(written)


def answer(rules, method, path, user, body):
    """Return the status and the body of the answer to a request."""
    try:
        match method, [unquote(part) for part in path.split("/")[1:]]:
            case "POST", ["exams", exam, "shares"]:
                rules.share(user, exam, body)
            case "DELETE", ["exams", exam, "shares", to]:
                rules.unshare(user, exam, to)
            case "GET", ["exams", exam, "tabs"]:
                return 200, rules.tabs(user, exam)
            case "GET", ["exams"]:
                return 200, rules.visible(user)
            case "PUT", ["clock"]:
                rules.now = moment(body)
            case "PUT", ["users", name]:
                rules.users[name] = body
            case "PUT", ["groups", name]:
                rules.groups[f"group:{name}"] = set(body)
            case "PUT", ["exams", exam]:
                rules.exams[exam] = {**body, "uploaded_at": moment(body["uploaded_at"])}
    except Refusal as refusal:
        return 404 if "EXAM_NOT_FOUND" in refusal.args else 422, [*refusal.args]
    return 200, None


class Portal:
    """The portal as the testing kit sees it, over a function that sends a request."""

    def __init__(self, given, send):
        self.send = send
        send("PUT", "/clock", None, given["now"])
        for kind in ("user", "group", "upload"):
            for each in given[f"{kind}s"]:
                self.do({"act": kind, **each})

    def do(self, act):
        act = {"permission": "VIEW", "scope": "EXAM", **act}
        shares = f"/exams/{quote(act.get('exam', ''))}/shares"
        match act:
            case {"act": "share", "actor": actor}:
                return self.outcome(*self.send("POST", shares, actor, act))
            case {"act": "unshare", "actor": actor, "recipient": to}:
                return self.outcome(*self.send("DELETE", f"{shares}/{quote(to)}", actor, None))
            case {"act": "upload", "batch": batch, "exams": exams}:
                for each in exams:
                    self.send("PUT", f"/exams/{each['id']}", None, {**each, "batch": batch})
            case {"act": "clock", "now": now}:
                self.send("PUT", "/clock", None, now)
            case {"act": "group", "id": name, "members": members}:
                self.send("PUT", f"/groups/{name}", None, members)
            case {"act": "user", "id": name}:
                self.send("PUT", f"/users/{name}", None, act)
        return {}

    def outcome(self, status, body):
        return {} if status < 400 else {"refused": [{"code": code} for code in sorted(body)]}

    def ask(self, question):
        user = question["user"]
        if question["question"] == "visible_to":
            return self.send("GET", "/exams", user, None)[1]
        status, tabs = self.send("GET", f"/exams/{quote(question['exam'])}/tabs", user, None)
        found = tabs if status == 200 else []
        return found if question["question"] == "tabs" else question["permission"] in found


def over_functions(new_rules=Rules):
    """Return a function that opens the portal without HTTP."""

    def open_portal(given):
        rules = new_rules()
        return Portal(given, lambda *request: answer(rules, *request))

    return open_portal


@contextmanager
def over_http(new_rules=Rules):
    """Yield a function that opens the portal over HTTP, on one server with one connection."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version, wbufsize, disable_nagle_algorithm = "HTTP/1.1", -1, True
        rules = None

        def handle_any(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked = (self.command, self.path, self.headers["User"], body)
            status, found = answer(Handler.rules, *asked)
            data = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815  as the server looks it up

        def log_message(self, *_):
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    connection = HTTPConnection(*server.server_address)

    def send(method, path, user, body):
        connection.request(method, path, json.dumps(body), {"User": user or ""})
        found = connection.getresponse()
        return found.status, json.loads(found.read())

    def open_portal(given):
        Handler.rules = new_rules()
        return Portal(given, send)

    try:
        yield open_portal
    finally:
        connection.close()
        server.shutdown()
        thread.join()
        server.server_close()
