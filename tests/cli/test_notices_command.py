"""Notices from a shell: what waits, what was given up, and sending it to a real mail server."""

import os
import signal
import ssl
import subprocess
import sys
import time

import pytest

pytest.importorskip("rich")
pytest.importorskip("sqlalchemy")
pytest.importorskip("pydicom")
import trustme
from aiosmtpd.smtp import AuthResult

from mail_servers import Inbox, mail_server

# aiosmtpd 1.4 asks asyncio what newer Pythons want asked of inspect.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:aiosmtpd")

SHARE = "share cd-1 --as anna --confirm-hipaa --with"
PASSWORD = "correct horse"  # noqa: S105  it opens nothing
PATIENCE = 30
MAIL = "--smtp mail.example:25 --from a@b.example"


def relay(port, *options):
    line = f"notices relay --smtp 127.0.0.1:{port} --from portal@clinic.example"
    return " ".join((line, *options))


def plain(port):
    return relay(port, "--security none")


def states(clinic, options=""):
    listed = clinic(f"notices {options} --json").document["notices"]
    return {each["to"]["user"]: each["state"] for each in listed}


def nobody_listens():
    """Return a port at which there was a mail server."""
    with mail_server(Inbox()) as port:
        return port


def test_notices_wait_until_a_relay_sends_them(clinic):
    clinic(f"{SHARE} ben group:ward --batch --message 'Please look at slice 40.'")
    assert states(clinic) == {"ben": "WAITING", "carla": "WAITING"}
    inbox = Inbox()
    with mail_server(inbox) as port:
        assert clinic(plain(port)).text == "✓ 2 notices sent"
        assert clinic(plain(port)).text == "✓ 0 notices sent"
    addressed = sorted(each.rcpt_tos for each in inbox.envelopes)
    assert addressed == [["ben@clinic.example"], ["carla@clinic.example"]]
    letter = inbox.parsed()
    assert letter["From"] == "portal@clinic.example"
    assert letter["Subject"] == "Anna Kovács shared 6 imaging exams with you"
    assert "slice 40" in letter.get_body(("plain",)).get_content()
    assert clinic("notices").text == "No notices wait, and none were given up."


def test_a_failed_notice_is_reported_with_its_problem_and_waits(clinic):
    clinic(f"{SHARE} ben")
    told = clinic(plain(nobody_listens()), code=1)
    assert told.text == "✓ 0 notices sent ✗ 1 notice to be sent again: UNREACHABLE"
    (notice,) = clinic("notices --json").document["notices"]
    assert (notice["state"], notice["attempts"]) == ("WAITING", 1)
    for _ in range(2):
        clinic(plain(nobody_listens()), code=1)
    assert "waits until 20" in clinic("notices").text


def test_a_notice_without_an_address_is_given_up_and_can_be_retried(clinic):
    clinic("add-user ben --name Ben")
    clinic(f"{SHARE} ben carla")
    inbox = Inbox()
    with mail_server(inbox) as port:
        assert "1 notice given up: NO_ADDRESS" in clinic(plain(port)).text
        assert states(clinic, "--given-up") == {"ben": "GIVEN_UP"}
        assert states(clinic, "--waiting") == {}
        assert "given up 20" in clinic("notices").text
        (notice,) = clinic("notices --json").document["notices"]
        clinic("add-user ben --name Ben --email ben@clinic.example")
        assert "1 notice to be sent again" in clinic("notices retry", notice["id"]).text
        assert clinic(plain(port)).text == "✓ 1 notice sent"
    assert inbox.last().rcpt_tos == ["ben@clinic.example"]


def test_all_given_up_notices_can_be_retried(clinic):
    for user in ("ben", "carla"):
        clinic(f"add-user {user} --name X")
    clinic(f"{SHARE} ben carla")
    clinic(plain(nobody_listens()))
    assert set(states(clinic).values()) == {"GIVEN_UP"}
    assert clinic("notices retry --all --json").document["requeued"] == 2
    assert set(states(clinic).values()) == {"WAITING"}


def test_retry_needs_notices_that_were_given_up_or_all(clinic):
    told = clinic("notices retry this that this", code=1)
    assert told.text == "✓ 0 notices to be sent again ✗ 2 notices not given up, or unknown"
    for line in ("notices retry", "notices retry this --all"):
        assert "needs the ids of notices, or else --all" in clinic(line, code=2).err


def test_options_may_come_before_the_action(clinic, tmp_path):
    (tmp_path / "exam-sharing.db").rename(tmp_path / "clinic.db")
    assert clinic("notices --db clinic.db --json retry --all").document["requeued"] == 0
    assert clinic("notices retry --all --db clinic.db --json").document["requeued"] == 0


def test_notices_come_in_pages(clinic):
    clinic(f"{SHARE} ben carla")
    first = clinic("notices --limit 1")
    assert "There are more: --after" in first.text
    after = clinic("notices --limit 1 --json").document["next"]
    (last,) = clinic(f"notices --limit 1 --json --after {after}").document["notices"]
    assert last["to"] == {"user": "carla"}


def test_a_notice_that_could_not_be_printed_still_waits(clinic, monkeypatch):
    clinic(f"{SHARE} ben")
    from exam_sharing.cli import notices

    def fail():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(notices, "flush", fail)
    assert "to be sent again: OSError" in clinic("notices relay --print", code=1).text
    assert states(clinic) == {"ben": "WAITING"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("", "needs --smtp HOST:PORT and --from ADDRESS, or else --print"),
        ("--smtp mail.example:25", "needs --smtp HOST:PORT and --from ADDRESS"),
        ("--smtp mail.example --from a@b.example", "--smtp must be HOST:PORT"),
        ("--smtp mail.example:0 --from a@b.example", "port must be from 1"),
        ("--smtp mail.example:25 --from nobody", "must be one plain e-mail address"),
        (f"{MAIL} --login me", "--login needs a password"),
        (f"{MAIL} --login me --password-file nowhere", "--password-file cannot be read"),
        (f"{MAIL} --ca-file nowhere", "--ca-file cannot be read as certificates"),
        ("--print --json", "--print cannot be given with --json or --smtp"),
    ],
)
def test_invalid_settings_are_reported_before_anything_is_sent(clinic, options, told):
    clinic(f"{SHARE} ben")
    ran = clinic(f"notices relay {options}", code=2)
    assert told in ran.err
    assert ran.out == ""
    assert states(clinic) == {"ben": "WAITING"}


def test_the_password_of_a_login_is_read_from_a_file_or_the_environment(
    clinic, tmp_path, monkeypatch
):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    logins = []

    def authenticate(server, session, envelope, mechanism, login):
        logins.append((login.login.decode(), login.password.decode()))
        return AuthResult(success=True)

    server = {"tls_context": tls, "auth_required": True, "authenticator": authenticate}
    clinic(f"{SHARE} ben")
    with mail_server(Inbox(), **server) as port:
        line = relay(port, "--ca-file ca.pem --login portal").replace("127.0.0.1", "localhost")
        assert "1 notice sent" in clinic(f"{line} --password-file password").text
        monkeypatch.setenv("EXAM_SHARING_SMTP_PASSWORD", PASSWORD)
        clinic(f"{SHARE} carla")
        assert "1 notice sent" in clinic(line).text
    assert logins == [("portal", PASSWORD)] * 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGINT])
def test_a_watching_relay_sends_until_it_is_ended(clinic, ended_by, tmp_path, pytestconfig):
    database = str(tmp_path / "exam-sharing.db")
    clinic(f"{SHARE} ben")
    inbox = Inbox()
    with mail_server(inbox) as port:
        line = [*plain(port).split(), "--watch", "--db", database]
        process = subprocess.Popen(
            [sys.executable, "-m", "exam_sharing", *line],
            cwd=pytestconfig.rootpath,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        with process:
            deadline = time.monotonic() + PATIENCE
            while not inbox.envelopes and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(ended_by)
            out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert "1 notice sent" in out
    assert [each.rcpt_tos for each in inbox.envelopes] == [["ben@clinic.example"]]


def test_a_watching_relay_survives_a_failing_database(clinic, monkeypatch):
    from exam_sharing import Admin, StoreFailed

    answers = [StoreFailed("the database failed"), 1, StoreFailed("again"), KeyboardInterrupt()]

    def deliver(self, stopped):
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(Admin, "deliver_notices", deliver)
    monkeypatch.setattr("exam_sharing.relay._Signalled.wait", lambda self, timeout: None)
    told = clinic(f"{plain(1)} --watch", code=130)
    assert "1 notice sent" in told.out
    assert told.err.count("; trying again\n") == 2
