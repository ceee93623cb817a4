"""Mail servers for the tests, each in its thread: a real one, and one that misbehaves."""

import asyncio
import socket
import threading
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP


class Inbox:
    """A handler that keeps every mail."""

    def __init__(self):
        self.envelopes = []

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
        self.envelopes.append(envelope)
        return "250 OK"

    def last(self):
        return self.envelopes[-1]

    def parsed(self):
        return message_from_bytes(self.last().content, policy=policy.default)


@contextmanager
def mail_server(handler=None, *, tls=None, **options):
    """Run a real mail server in a thread, and yield its port."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    ports = []

    def session():
        return SMTP(handler, hostname="server.example", loop=loop, **options)

    async def start():
        listening = await loop.create_server(session, "127.0.0.1", 0, ssl=tls)
        ports.append(listening.sockets[0].getsockname()[1])
        return listening

    def run():
        asyncio.set_event_loop(loop)
        listening = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        listening.close()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        # Transports close one turn of the loop later.
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


HANG = object()
"""Send no reply, and keep the connection open."""

DROP = object()
"""Send no reply, and close the connection."""


class Drip(str):
    """A reply whose bytes come one by one, each soon after the one before."""

    __slots__ = ()


TALK = {
    "greeting": "220 scripted.example",
    "EHLO": "250 scripted.example",
    "MAIL": "250 OK",
    "RCPT": "250 OK",
    "DATA": "354 go on",
    ".": "250 taken",
    "RSET": "250 OK",
    "QUIT": "221 bye",
}


class Scripted:
    """A server that replies by a script, to one client after another."""

    def __init__(self, script, listening):
        self._script, self._listening = script, listening
        self.over, self.lines = threading.Event(), []

    def serve(self):
        while not self.over.is_set():
            with self._listening.accept()[0] as line, suppress(OSError):
                self._talk(line)

    def _talk(self, line):
        if not self._answer(line, "greeting"):
            return
        in_data = False
        with line.makefile("rb") as lines:
            for raw in lines:
                text = raw.decode().rstrip("\r\n")
                self.lines.append(text)
                key = "." if in_data else text[:4].upper()
                if in_data and text != ".":
                    continue
                if not self._answer(line, key):
                    return
                in_data = key == "DATA" and self._script["DATA"].startswith("354")

    def _answer(self, line, key):
        replies = self._script.get(key, "500 what?")
        replies = replies if isinstance(replies, tuple) else (replies,)
        return all(self._send(line, reply) for reply in replies)

    def _send(self, line, reply):
        """Send the reply, and return whether to go on."""
        if reply is HANG:
            self.over.wait(10)
        if reply in {HANG, DROP}:
            return False
        data = reply.encode("latin-1") + b"\r\n"
        while isinstance(reply, Drip) and data:
            line.sendall(data[:1])
            data = data[1:]
            self.over.wait(0.02)
        line.sendall(data)
        return True


@contextmanager
def scripted_server(**replies):
    """Run a server with these replies; yield its port and the lines that it received.

    The replies are by command, or `greeting`, or `.` after a mail. A reply is a text, a `Drip`,
    `HANG`, `DROP`, or a tuple of these, one after the other.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Scripted(TALK | replies, listening)
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield listening.getsockname()[1], server.lines
        finally:
            server.over.set()
            with suppress(OSError):
                socket.create_connection(listening.getsockname()).close()
            thread.join()
