"""Notices as e-mail, sent to real mail servers and to servers that misbehave."""

import copy
import pickle
import re
import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from html.parser import HTMLParser
from time import monotonic
from types import SimpleNamespace

import attrs
import pytest
import trustme
from aiosmtpd.smtp import AuthResult
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exam_sharing import Exam, ShareRequest, UploadBatch, User
from exam_sharing.adapters.smtp import (
    Invitation,
    Letter,
    Login,
    MailProblem,
    MailServer,
    NoticeNotSent,
    Security,
    Sender,
    SmtpNotifier,
)
from exam_sharing.errors import MAYBE_SENT, InvalidValue, StoreFailed, WrongKind
from exam_sharing.events import ShareNotice
from exam_sharing.grants import Permission
from exam_sharing.identifiers import BatchId, NoticeId, UserId
from exam_sharing.memory import MemoryDirectory, open_sharing
from exam_sharing.testing.laws import notifier_laws
from mail_servers import DROP, HANG, TALK, Drip, Inbox, mail_server, scripted_server
from world import ANNA, BEN, CT

# aiosmtpd 1.4 asks asyncio what newer Pythons want asked of inspect.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:aiosmtpd")

CD = BatchId("cd")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
MESSAGE = "Mrs. Doe, slice 40"
ADDRESS = "ben.doe@clinic.example"
HEADERS = ["Auto-Submitted", "Content-Type", "Date", "From"]
HEADERS += ["MIME-Version", "Message-ID", "Subject", "To"]
SHIPPED_TAGS = {"html", "body", "p", "bdi", "blockquote", "br"}


def notice(**changes):
    values = {
        "id": NoticeId("s1-1"),
        "to": BEN,
        "address": ADDRESS,
        "actor": ANNA,
        "exams": 2,
        "permission": Permission.VIEW,
        "until": None,
        "message": MESSAGE,
    }
    return ShareNotice(**values | changes)


def plain(port, **changes):
    values = {"host": "127.0.0.1", "port": port, "security": Security.NONE, "timeout": 5}
    return MailServer(**values | changes)


def notifier(server, **changes):
    values = {
        "sender": Sender(address="portal@clinic.example", name="Clinic, Portal"),
        "clock": lambda: NOON,
    }
    return SmtpNotifier(server=server, **values | changes)


def failure(sender, given=None):
    with pytest.raises(NoticeNotSent) as caught:
        sender.send(given or notice())
    return caught.value


@pytest.fixture(scope="module")
def inbox():
    return Inbox()


@pytest.fixture(scope="module")
def port(inbox):
    with mail_server(inbox, enable_SMTPUTF8=True) as number:
        yield number


@pytest.fixture(scope="module")
def sender(port):
    return notifier(plain(port))


def part(mail, kind):
    return mail.get_body((kind,)).get_content().replace("\r\n", "\n")


class Seen(HTMLParser):
    """What is markup in a page, and what the reader reads in its quotation."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.quoted, self.within = set(), [], "", False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        self.within = self.within or tag == "blockquote"
        if self.within and tag == "br":
            self.quoted += "\n"

    def handle_endtag(self, tag):
        self.within = self.within and tag != "blockquote"

    def handle_data(self, data):
        if self.within:
            self.quoted += data

    def handle_comment(self, data):
        raise AssertionError(data)

    def handle_pi(self, data):
        raise AssertionError(data)


def quoted(text):
    return "\n".join(line[2:] for line in text.split("\n") if line.startswith("> "))


class TestALetter:
    def test_a_notice_becomes_one_mail(self, sender, inbox):
        sender.send(notice())

        assert inbox.last().mail_from == "portal@clinic.example"
        assert inbox.last().rcpt_tos == [ADDRESS]
        mail = inbox.parsed()
        assert sorted(mail.keys()) == HEADERS
        assert mail["Subject"] == "2 imaging exams were shared with you"
        assert mail["From"].addresses[0].display_name == "Clinic, Portal"
        assert mail["From"].addresses[0].addr_spec == "portal@clinic.example"
        assert mail["Date"].datetime == NOON
        assert mail["Auto-Submitted"] == "auto-generated"
        assert not mail.defects

    def test_it_states_what_was_shared_and_quotes_the_message(self, sender, inbox):
        sender.send(notice(message="Please look.\n\n.\n.. Anna"))

        assert part(inbox.parsed(), "plain") == (
            "2 imaging exams were shared with you.\n\n"
            "You may view them.\n\n"
            "This personal message came with it:\n\n"
            "> Please look.\n> \n> .\n> .. Anna\n\n"
            "Sign in to your portal as usual to find what was shared.\n"
        )

    def test_one_exam_is_named_in_the_singular_and_its_end_in_utc(self, sender, inbox):
        until = datetime(2030, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
        sender.send(notice(exams=1, permission=Permission.DOWNLOAD, until=until, message=None))

        mail = inbox.parsed()
        assert mail["Subject"] == "1 imaging exam was shared with you"
        assert part(mail, "plain") == (
            "1 imaging exam was shared with you.\n\n"
            "You may view and download it until 2030-02-28 23:30 UTC.\n\n"
            "Sign in to your portal as usual to find what was shared.\n"
        )
        assert "blockquote" not in part(mail, "html")

    def test_the_person_who_shared_is_named_as_the_host_says(self):
        letter = Invitation(name_of=lambda user: str(user).title())(notice())

        assert letter.subject == "Anna shared 2 imaging exams with you"
        assert letter.text.startswith("Anna shared 2 imaging exams with you.\n")

    @pytest.mark.parametrize("name_of", [None, lambda _user: None, lambda _user: " \n"])
    def test_without_a_name_the_letter_names_nobody(self, name_of):
        letter = Invitation(name_of=name_of)(notice(actor=UserId("anna7"), message=None))

        assert letter.subject == "2 imaging exams were shared with you"
        assert "anna7" not in letter.subject + letter.text + letter.html

    def test_a_repeated_mail_is_equal_byte_for_byte_and_another_has_another_id(self, sender, inbox):
        for number in ("1", "1", "2"):
            sender.send(notice(id=NoticeId(number)))

        first, again, other = inbox.envelopes[-3:]
        assert first.content == again.content
        ids = [message_from_bytes(each.content)["Message-ID"] for each in (first, other)]
        assert ids[0] != ids[1]

    def test_characters_that_mail_cannot_carry_are_replaced(self, sender, inbox):
        sender.send(notice(message="a\x7fb\x01c\x1bd\re\r\nf\u2028g\x85h"))

        shown = "a\ufffdb\ufffdc\ufffdd\ne\nf\ng\nh"
        assert quoted(part(inbox.parsed(), "plain")) == shown
        assert Seen(part(inbox.parsed(), "html")).quoted == shown

    @pytest.mark.parametrize(
        "name",
        [
            "Anna\r\nBcc: all@x.example",
            "<b>Anna</b>",
            "=?utf-8?q?Anna?=",
            "Anna, all@x.example <a@x.example>",
            "x" * 500,
            "\u00e4, \u00f6" * 100,
        ],
    )
    def test_a_hostile_name_is_only_text_in_the_subject_and_the_letter(self, port, inbox, name):
        notifier(plain(port), template=Invitation(name_of=lambda _user: name)).send(notice())

        mail = inbox.parsed()
        shown = " ".join(name.split())
        assert mail["Subject"] == f"{shown} shared 2 imaging exams with you"
        assert sorted(mail.keys()) == HEADERS
        assert Seen(part(mail, "html")).tags <= SHIPPED_TAGS
        assert part(mail, "plain").startswith(f"{shown} shared")

    def test_a_name_cannot_reverse_the_direction_of_the_line(self):
        letter = Invitation(name_of=lambda _user: "A\u202eB\0\ud800\u2029C")(notice())

        assert letter.subject.startswith("A\ufffdB\ufffd\ufffd C shared")

    def test_a_host_replaces_the_template(self, port, inbox):
        def template(given):
            return Letter(subject=f"Exams: {given.exams}", text="Look")

        notifier(plain(port), template=template).send(notice())

        mail = inbox.parsed()
        assert mail["Subject"] == "Exams: 2"
        assert mail.get_content_type() == "text/plain"
        assert part(mail, "plain") == "Look\n"

    def test_a_sender_without_a_name_is_an_address(self, port, inbox):
        notifier(plain(port), sender=Sender(address="portal@b\u00fccher.example")).send(notice())

        assert str(inbox.parsed()["From"]) == "portal@xn--bcher-kva.example"
        assert inbox.parsed()["Message-ID"].endswith("@xn--bcher-kva.example>")
        assert inbox.last().mail_from == "portal@xn--bcher-kva.example"

    def test_the_date_is_in_utc(self, port, inbox):
        there = NOON.astimezone(timezone(timedelta(hours=9)))
        notifier(plain(port), clock=lambda: there).send(notice())

        assert str(inbox.parsed()["Date"]) == "Tue, 01 Jan 2030 12:00:00 +0000"

    def test_without_a_clock_the_date_is_of_the_machine(self, port, inbox):
        SmtpNotifier(server=plain(port), sender=Sender(address="p@x.example")).send(notice())

        now = datetime.now(UTC)
        assert now - timedelta(minutes=1) < inbox.parsed()["Date"].datetime <= now


few = settings(max_examples=15 if settings.default.derandomize else 100)
"""Each example sends mails to a server; a profile that looks for new examples looks at more."""


class TestAnyText:
    texts = st.text(st.characters(), max_size=200)
    messages = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=2_000)
    names = st.one_of(
        texts, st.text(st.sampled_from('ab ,;:@<>"\\()=?_\r\n\u00e4\u202e'), max_size=200)
    )

    @few
    @given(message=messages, name=names, number=texts)
    @example(message="\n", name="=?utf-8?b?LA==?=", number="x")
    @example(message="a\n--=_\n\n<b>", name="a, b <c@d>" * 30, number="<a@b>")
    def test_a_mail_has_one_recipient_and_only_our_headers_and_tags(
        self, port, inbox, message, name, number
    ):
        try:
            given = notice(id=NoticeId(number), message=message)
        except InvalidValue:
            given = notice(message=message)
        by_name = Invitation(name_of=lambda _user: name)
        mails = []
        for permission in Permission:
            notifier(plain(port), template=by_name).send(attrs.evolve(given, permission=permission))
            mails.append(inbox.parsed())
        mail = mails[0]
        assert inbox.last().rcpt_tos == [ADDRESS]
        assert [a.addr_spec for a in mail["To"].addresses] == [ADDRESS]
        assert [a.addr_spec for a in mail["From"].addresses] == ["portal@clinic.example"]
        assert sorted(mail.keys()) == HEADERS
        assert [p.get_content_type() for p in mail.walk()] == [
            "multipart/alternative",
            "text/plain",
            "text/html",
        ]
        assert Seen(part(mail, "html")).tags <= SHIPPED_TAGS
        assert mails[0]["Message-ID"] == mails[1]["Message-ID"]
        assert re.fullmatch(r"<[0-9a-f]{40}@clinic\.example>", mail["Message-ID"])
        assert all(len(line) <= 998 for line in inbox.last().content.split(b"\r\n"))

    @few
    @given(message=st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1))
    @example(message="x" * 2_000)
    @example(message="\u00e9\U0001f600" * 1_000)
    @example(message=".\n..\n.\n")
    @example(message="From me\nTo: all@x.example\n\nBcc: them@x.example")
    @example(message="a \n\tb\n   ")
    @example(message="=_\n--=_\n=3D=\n=")
    @example(message="\u202eevil\u2066")
    @example(message="-- \n> quoted")
    @example(message='<script>alert("&amp;")</script><!-- -->')
    def test_a_message_without_controls_arrives_as_it_was_written(self, port, inbox, message):
        for written in (message, f".{message}"):
            notifier(plain(port)).send(notice(message=written))

            mail = inbox.parsed()
            assert quoted(part(mail, "plain")) == written
            assert Seen(part(mail, "html")).quoted == written
            assert Seen(part(mail, "html")).tags <= SHIPPED_TAGS

    @few
    @given(
        subject=names.filter(str.strip),
        text=texts,
        name=st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=100),
    )
    def test_a_template_of_the_host_cannot_add_a_header_either(
        self, port, inbox, subject, text, name
    ):
        try:
            whose = Sender(address="portal@clinic.example", name=name)
        except InvalidValue:
            return
        letter = Letter(subject=subject, text=text, html=text)
        notifier(plain(port), sender=whose, template=lambda _notice: letter).send(notice())

        mail = inbox.parsed()
        assert sorted(mail.keys()) == HEADERS
        assert [a.addr_spec for a in mail["From"].addresses] == ["portal@clinic.example"]
        assert part(mail, "plain").removesuffix("\n") == letter.text.removesuffix("\n")
        assert part(mail, "html").removesuffix("\n") == letter.html.removesuffix("\n")


ODD_WORDS = """
    ben @clinic.example ben@ a@x.example,b@x.example a@x.example;b@x.example
    a@b@x.example <ben@x.example> (c)ben@x.example .ben@x.example b..en@x.example
    ben@x..example ben@x.example. ben@-x.example ben@[127.0.0.1] ben@x_y.example
    be\0n@x.example ben@x.exa\0mple b\u202een@x.example ben\u200b@x.example
    b\ud800en@x.example ben@x\ud800.example ben\uff0call@x.example ben\uff20all@x.example
    ben@x\uff20y.example ben@x\u2100y.example ben@\uff58.example ben@\u00fc..example
"""
ODD_ADDRESSES = [
    *ODD_WORDS.split(),
    *("", "a@x.example, b@x.example", "Ben <ben@x.example>", '"a b"@x.example', "be n@x.example"),
    *("ben@x.example\r\nBcc: all@x.example", "ben@x.example\n", "ben@x.example "),
    "ben@\u00fc,x.example",
    f"{'x' * 65}@x.example",
    f"ben@{'x' * 64}.example",
    f"ben@{'x.' * 130}example",
    f"{'x' * 60}@{'y' * 60}.{'y' * 60}.{'y' * 60}.{'y' * 60}",
    "\u00fc" * 33 + "@x.example",
]


class TestAddresses:
    @pytest.mark.parametrize("address", [*ODD_ADDRESSES, None])
    def test_anything_but_one_plain_address_is_refused_permanently(self, sender, inbox, address):
        before = len(inbox.envelopes)
        error = failure(sender, notice(address=address))

        malformed = MailProblem.MALFORMED_ADDRESS
        assert error.problem is (MailProblem.NO_ADDRESS if address is None else malformed)
        assert error.permanent
        assert len(inbox.envelopes) == before

    @pytest.mark.parametrize(
        ("address", "written"),
        [
            ("a@b", ...),
            ("o'brien+exams@x-y.example", ...),
            ("!#$%&'*+/=?^_`{|}~-@x.example", ...),
            (f"{'x' * 64}@{'y' * 63}.{'y' * 63}.{'y' * 61}", ...),
            ("BEN@X.EXAMPLE", ...),
            ("ben@b\u00fccher.example", "ben@xn--bcher-kva.example"),
            ("ben@B\u00dcCHER.example", "ben@xn--bcher-kva.example"),
            ("ben@\u4f8b\u3048.example", "ben@xn--r8jz45g.example"),
        ],
    )
    def test_an_address_is_unchanged_but_for_a_domain_in_idna(
        self, sender, inbox, address, written
    ):
        written = address if written is ... else written
        sender.send(notice(address=address))

        assert inbox.last().rcpt_tos == [written]
        assert inbox.parsed()["To"].addresses[0].addr_spec == written

    @pytest.mark.parametrize(
        "address",
        [
            "j\u00fcrgen@clinic.example",
            "\u7528\u6237@\u4f8b\u3048.example",
            "ben@stra\u00dfe.example",
            "ben@\u03b2\u03cc\u03bb\u03bf\u03c2.example",
        ],
    )
    def test_an_address_beyond_ascii_is_sent_to_a_server_with_smtputf8(
        self, sender, inbox, address
    ):
        sender.send(notice(address=address))

        assert inbox.last().rcpt_tos == [address]
        assert f"\r\nTo: {address}\r\n".encode() in inbox.last().content
        assert inbox.last().smtp_utf8

    @pytest.mark.parametrize("address", ["j\u00fcrgen@x.example", "ben@stra\u00dfe.example"])
    def test_an_address_beyond_ascii_is_sent_to_no_other_server(self, address):
        inbox = Inbox()
        with mail_server(inbox) as port:
            error = failure(notifier(plain(port)), notice(address=address))

        assert error.problem is MailProblem.ADDRESS_NOT_TAKEN
        assert error.permanent
        assert inbox.envelopes == []

    @given(address=st.one_of(st.emails(), st.text(max_size=70), st.from_regex(r"[^@]+@[^@]+")))
    def test_any_address_gives_one_recipient_or_none(self, sender, inbox, address):
        before = len(inbox.envelopes)
        try:
            sender.send(notice(address=address))
        except NoticeNotSent as unsent:
            error = unsent
        else:
            error = None
        assert len(inbox.envelopes) - before == (error is None)
        if error is not None:
            assert error.permanent
            return
        (sent,) = inbox.last().rcpt_tos
        (read,) = inbox.parsed()["To"].addresses
        assert sent == read.addr_spec or not sent.isascii()
        assert sent == address or sent.partition("@")[0] == address.partition("@")[0]
        assert sorted(inbox.parsed().keys()) == HEADERS


STEPS = ["greeting", "EHLO", "MAIL", "RCPT", "DATA"]
REFUSALS = [
    ("RCPT", "550 no such user ben.doe@clinic.example", MailProblem.REFUSED),
    ("RCPT", "450 ben is away", MailProblem.REFUSED_FOR_NOW),
    ("RCPT", "530 log in first", MailProblem.LOGIN_REFUSED),
    ("DATA", "554 spam", MailProblem.REFUSED),
    ("DATA", "451 try later", MailProblem.REFUSED_FOR_NOW),
    ("MAIL", "550 not ben", MailProblem.SENDER_REFUSED),
    ("MAIL", "451 try later", MailProblem.REFUSED_FOR_NOW),
    ("MAIL", "530 log in first", MailProblem.LOGIN_REFUSED),
    (".", "554 Mrs. Doe, slice 40", MailProblem.REFUSED),
]
NO_SERVICE = [
    ("greeting", "554 no service to Doe"),
    ("greeting", "421 busy"),
    ("greeting", "hello"),
    ("EHLO", "502 no"),
    ("MAIL", "199 what?"),
    *(("RCPT", f"{code} what?") for code in ("000", "199", "299", "354", "600", "999", "-55")),
    ("RCPT", "what?"),
    ("DATA", "250 what?"),
    ("DATA", "777 what?"),
    ("greeting", "220 " + "x" * 10_000),
    ("RCPT", "550 " + "x" * 10_000),
    ("EHLO", "250-x\r\n" * 20_000 + "250 x"),
]


def slow(key, size=1_000):
    return Drip(TALK[key][:4] + "x" * size)


class TestFailures:
    @pytest.mark.parametrize(
        ("replies", "problem", "code"),
        [
            *(({at: reply}, problem, int(reply[:3])) for at, reply, problem in REFUSALS),
            *(({at: reply}, MailProblem.NOT_SERVED, ...) for at, reply in NO_SERVICE),
            *(({at: DROP}, MailProblem.LINE_LOST, None) for at in STEPS),
            *(({at: HANG}, MailProblem.TIMED_OUT, None) for at in STEPS),
            *(({at: slow(at)}, MailProblem.TIMED_OUT, None) for at in STEPS),
            ({at: slow(at, 12) for at in TALK}, MailProblem.TIMED_OUT, None),
            ({"EHLO": Drip("250-x\r\n" * 200)}, MailProblem.TIMED_OUT, None),
        ],
    )
    def test_a_failing_server_is_reported_in_time_without_its_words(self, replies, problem, code):
        begun = monotonic()
        with scripted_server(**replies) as (port, _lines):
            error = failure(notifier(plain(port, timeout=0.5)))

        assert monotonic() - begun < 5
        assert error.problem is problem
        assert error.permanent is (problem is MailProblem.REFUSED)
        assert code in {error.code, ...}
        assert error.__cause__ is error.__context__ is None
        shown = repr(error) + str(error) + repr(vars(error)) + repr(error.args)
        assert "ben" not in shown
        assert "Doe" not in shown

    @pytest.mark.parametrize("reply", [HANG, DROP, "500 stay"])
    def test_accepted_mail_is_sent_however_the_session_ends(self, reply):
        with scripted_server(QUIT=reply) as (port, lines):
            notifier(plain(port, timeout=1)).send(notice())

        assert lines[-2:] == [".", "quit"]

    def test_an_unreachable_server_is_reported(self):
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            port = nobody.getsockname()[1]
        error = failure(notifier(plain(port)))

        assert error.problem is MailProblem.UNREACHABLE
        assert str(error) == "the mail server cannot be reached (ConnectionRefusedError)"
        assert not error.permanent

    @pytest.mark.parametrize(
        "template", [lambda given: {}[given.message], lambda given: given.message]
    )
    def test_a_failing_template_is_reported_without_its_words(self, port, template):
        error = failure(notifier(plain(port), template=template))

        assert error.problem is MailProblem.NO_LETTER
        assert error.cause in {"KeyError", "WrongKind"}
        assert not error.permanent
        assert error.__context__ is None
        assert MESSAGE not in repr(error) + str(error)

    @pytest.mark.parametrize("problem", MailProblem)
    def test_an_error_can_be_copied_and_pickled(self, problem):
        error = NoticeNotSent(problem, 550)

        assert isinstance(error, StoreFailed)
        for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301
            assert str(again) == str(error) == f"{problem.statement} (550)"
            assert vars(again) == vars(error)
            assert again.args == error.args == (problem, 550, None)
        assert str(NoticeNotSent(problem)) == problem.statement
        assert problem.statement[0].islower()
        assert not problem.statement.endswith(".")


class TestTheDeadline:
    def given_up(self, server, **changes):
        """Return the failure of a send that ended soon after its timeout."""
        begun = monotonic()
        error = failure(notifier(server, **changes))
        assert monotonic() - begun < 5
        return error

    def test_a_server_that_stops_reading(self):
        letter = Letter(subject="Exams", text="x" * 20_000_000)
        with scripted_server(DATA=("354 go on", HANG)) as (port, _lines):
            error = self.given_up(plain(port, timeout=2), template=lambda _notice: letter)

        assert error.problem is MailProblem.TIMED_OUT

    @pytest.mark.parametrize("reply", [HANG, Drip("\x16\x03\x03\x40\x00" + "\0" * 1_000)])
    @pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
    def test_a_server_whose_handshake_does_not_end(self, security, reply, trusting):
        talk = {"EHLO": "250-hello\r\n250 STARTTLS", "STAR": ("220 go on", reply)}
        if security is Security.TLS:
            talk = {"greeting": reply}
        with scripted_server(**talk) as (port, _lines):
            error = self.given_up(encrypted(port, security, trusting, timeout=0.5))

        assert error.problem is MailProblem.TIMED_OUT

    def test_a_look_up_without_end(self, monkeypatch):
        over = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: over.wait(10))
        error = self.given_up(plain(25, host="mail.example", timeout=0.5))
        over.set()

        assert error.problem is MailProblem.TIMED_OUT

    def test_a_server_with_an_address_that_does_not_answer(self, port, inbox, monkeypatch):
        look_up = socket.getaddrinfo

        def two(host, *args, **options):
            if host != "mail.example":
                return look_up(host, *args, **options)
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                for address in ("127.0.0.9", "127.0.0.1")
            ]

        monkeypatch.setattr(socket, "getaddrinfo", two)
        before = len(inbox.envelopes)
        notifier(plain(port, host="mail.example")).send(notice())

        assert len(inbox.envelopes) == before + 1


class TestTheFinalReply:
    """A mail without a reply may have been sent. Specification: `#delivery`."""

    @pytest.mark.parametrize(
        "reply",
        [HANG, DROP, Drip("250 " + "x" * 1_000), "what?", "199 x", "354 x", "600 x", "-25 x"],
    )
    def test_a_mail_without_reply_may_have_been_sent(self, reply):
        with scripted_server(**{".": reply}) as (port, _lines):
            error = failure(notifier(plain(port, timeout=1)))

        assert error.problem is MailProblem.MAYBE_SENT
        assert error.problem == MAYBE_SENT
        assert not error.permanent

    @pytest.mark.parametrize("reply", ["250 OK", "251 OK", "299 OK", "250-a\r\n250 b"])
    def test_a_mail_with_any_positive_reply_is_sent(self, reply):
        with scripted_server(**{".": reply}) as (port, _lines):
            notifier(plain(port)).send(notice())

    @pytest.mark.parametrize("reply", [DROP, "what?", "600 x"])
    def test_a_server_that_never_replies_to_a_mail_gets_two_copies_with_one_id(self, reply):
        with scripted_server(**{".": reply}) as (port, lines):
            sharing = shared_with_ben(notifier(plain(port)))
            for _ in range(10):
                sharing.admin.deliver_notices()
            (given_up,) = sharing.admin.list_notices(given_up=True).items

        assert (given_up.problem, given_up.attempts) == ("MAYBE_SENT", 2)
        first, second = (line for line in lines if line.startswith("Message-ID"))
        assert first == second

    def test_a_reply_to_the_second_mail_ends_the_tries(self, port, inbox):
        before = len(inbox.envelopes)
        with scripted_server(**{".": DROP}) as (first, _lines):
            mail = SimpleNamespace(send=notifier(plain(first)).send)
            sharing = shared_with_ben(mail)
        (waiting,) = sharing.admin.list_notices().items
        mail.send = notifier(plain(port)).send

        assert waiting.problem == "MAYBE_SENT"
        assert sharing.admin.deliver_notices() == 1
        assert sharing.admin.list_notices().items == ()
        assert len(inbox.envelopes) == before + 1


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class Doorman:
    """Lets `portal` in with the right password."""

    def __call__(self, _server, _session, _envelope, _mechanism, given):
        right = (given.login, given.password) == (b"portal", b"open sesame")
        return AuthResult(success=right, handled=False)


LOGIN = Login(username="portal", password="open sesame")  # noqa: S106


def encrypted(port, security, context, **changes):
    values = {"host": "localhost", "port": port, "security": security, "timeout": 5}
    return MailServer(context=context, **values | changes)


class TestEncryption:
    @pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
    def test_the_connection_is_encrypted_before_the_login(self, certificate, trusting, security):
        inbox = Inbox()
        options = {"tls": certificate, "auth_require_tls": False}
        if security is Security.STARTTLS:
            options = {"tls_context": certificate, "require_starttls": True, "auth_required": True}
        with mail_server(inbox, authenticator=Doorman(), **options) as port:
            notifier(encrypted(port, security, trusting, login=LOGIN)).send(notice())

        assert inbox.last().rcpt_tos == [ADDRESS]

    @pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
    def test_an_untrusted_certificate_is_refused(self, certificate, security):
        inbox = Inbox()
        by_tls = {"tls": certificate} if security is Security.TLS else {"tls_context": certificate}
        with mail_server(inbox, **by_tls) as port:
            server = MailServer(host="localhost", port=port, security=security, timeout=5)
            error = failure(notifier(server))

        assert error.problem is MailProblem.NOT_ENCRYPTED
        assert error.cause == "SSLCertVerificationError"
        assert not error.permanent
        assert inbox.envelopes == []

    def test_a_server_of_another_host_or_without_tls_is_sent_nothing(self, certificate, trusting):
        for options in ({"tls": certificate}, {}):
            with mail_server(Inbox(), **options) as port:
                error = failure(notifier(encrypted(port, Security.TLS, trusting, host="127.0.0.1")))

            assert error.problem is MailProblem.NOT_ENCRYPTED

    def test_without_an_offer_of_starttls_nothing_is_sent(self, trusting):
        with scripted_server() as (port, lines):
            error = failure(notifier(encrypted(port, Security.STARTTLS, trusting, login=LOGIN)))

        assert error.problem is MailProblem.NOT_ENCRYPTED
        assert [line[:4] for line in lines] == ["ehlo"]

    @pytest.mark.parametrize("options", [{"authenticator": Doorman()}, {}, {"auth_exclude": True}])
    def test_a_refused_or_impossible_login_is_reported(self, certificate, trusting, options):
        if "auth_exclude" in options:
            options = {"authenticator": Doorman(), "auth_exclude_mechanism": ["LOGIN", "PLAIN"]}
        wrong = attrs.evolve(LOGIN, password="close sesame")  # noqa: S106
        with mail_server(Inbox(), tls_context=certificate, **options) as port:
            error = failure(notifier(encrypted(port, Security.STARTTLS, trusting, login=wrong)))

        assert error.problem is MailProblem.LOGIN_REFUSED
        assert not error.permanent
        assert "sesame" not in repr(error) + str(error)


class TestSettings:
    def test_no_repr_shows_a_password_or_a_letter(self):
        server = MailServer(host="mail.example", port=587, login=LOGIN)
        letter = Invitation(name_of=str)(notice())

        assert repr(LOGIN) == "Login(username=<withheld>, password=<withheld>)"
        assert "sesame" not in repr(notifier(server)) + repr(attrs.asdict(server.login))
        assert repr(letter) == "Letter(subject=<withheld>, text=<withheld>, html=<withheld>)"

    def test_a_server_is_encrypted_and_verified_by_default(self):
        server = MailServer(host="mail.example", port=587)

        assert server.security is Security.STARTTLS
        assert server.context.verify_mode is ssl.CERT_REQUIRED
        assert server.context.check_hostname
        assert server.timeout == 30

    @pytest.mark.parametrize(
        ("kind", "changes"),
        [
            *((MailServer, {"host": host}) for host in ("", "mail\n.example", "mail..example")),
            *((MailServer, {"port": port}) for port in (0, 65_536, "25")),
            (MailServer, {"security": "NONE"}),
            (MailServer, {"security": Security.NONE, "login": LOGIN}),
            (MailServer, {"login": ("portal", "open sesame")}),
            (MailServer, {"context": True}),
            *(
                (MailServer, {"timeout": timeout})
                for timeout in (0, -1, float("nan"), float("inf"), 121, "5")
            ),
            *(
                (Login, {field: text})
                for field in ("username", "password")
                for text in ("", "\u00fc", "a\nb", "x" * 1_001, None)
            ),
            *(
                (Sender, {"address": address})
                for address in (*ODD_ADDRESSES, "j\u00fcrgen@x.example", None)
            ),
            *(
                (Sender, {"name": name})
                for name in ("a\nb", "a\0b", "\u202ea", "x" * 101, "\ud800", None)
            ),
            *((Letter, {field: 1}) for field in ("subject", "text", "html")),
            *((Letter, {field: None}) for field in ("subject", "text")),
        ],
    )
    def test_a_wrong_setting_is_refused_without_quoting_it(self, kind, changes):
        right = {
            MailServer: {"host": "mail.example", "port": 587},
            Login: {"username": "portal", "password": "open sesame"},
            Sender: {"address": "portal@x.example"},
            Letter: {"subject": "s", "text": "t"},
        }
        with pytest.raises((InvalidValue, WrongKind)) as caught:
            kind(**right[kind] | changes)

        assert "sesame" not in str(caught.value)
        assert caught.value.__context__ is None

    def test_a_clock_must_be_aware(self, port):
        with pytest.raises(InvalidValue):
            notifier(plain(port), clock=lambda: datetime(2030, 1, 1)).send(notice())


def test_a_notice_without_an_address_is_given_up_with_its_problem(port):
    sharing = shared_with_ben(notifier(plain(port)), email=None)

    (given_up,) = sharing.admin.list_notices(given_up=True).items
    assert (given_up.problem, given_up.attempts) == ("NO_ADDRESS", 1)
    assert type(given_up.problem) is str


def shared_with_ben(mail, email=ADDRESS):
    """Return a sharing in which Anna has shared an exam with Ben, who gets one notice."""
    people = MemoryDirectory()
    people.add(User(id=ANNA, name="Anna"))
    people.add(User(id=BEN, name="Ben", email=email))
    sharing = open_sharing(directory=people, notifier=mail)
    sharing.add_upload(
        UploadBatch(id=CD, uploader=ANNA, received_at=NOON),
        [Exam(id=CT, owner=ANNA, batch=CD, uploaded_at=NOON)],
    )
    sharing.share(ShareRequest(actor=ANNA, exam=CT, recipients=[BEN], attested=True))
    return sharing


NOWHERE = 1
"""A port on which no mail server listens."""


@contextmanager
def opened(server):
    with mail_server(server, enable_SMTPUTF8=True) as port:
        yield notifier(plain(port))


def received(server):
    """Return the id and the unquoted text of each mail."""
    for envelope in server.envelopes:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        lines = part(mail, "plain").split("\n")
        yield mail["Message-ID"], "\n".join(line.removeprefix("> ") for line in lines)


class QuotesMail:
    """Refuses every mail, and quotes it."""

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=policy.default)
        text = " ".join(part(mail, "plain").split())
        return f"554 {envelope.rcpt_tos} {text}"[:400].encode("ascii", "replace").decode()


class QuotesAddresses:
    """Refuses every recipient, and quotes the address."""

    async def handle_RCPT(self, _server, _session, _envelope, address, _options):  # noqa: N802
        return f"550 {address} is not here"


@pytest.mark.parametrize(
    "broken",
    [QuotesMail(), QuotesAddresses(), None],
    ids=["quotes mail", "quotes addresses", "unreachable"],
)
def test_mail_keeps_the_laws_of_notifiers(broken):
    server = Inbox()

    @contextmanager
    def opened_empty():
        server.envelopes.clear()
        with opened(server) as mail:
            yield mail

    for law in notifier_laws(
        opened_empty,
        received=lambda _notifier: received(server),
        open_broken=lambda: opened(broken) if broken else notifier(plain(NOWHERE)),
    ):
        law.check()
