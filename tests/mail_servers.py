"""A real mail server for the tests, which runs in a thread of theirs."""

import asyncio
import threading
from contextlib import contextmanager
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP


class Inbox:
    """What a mail server does with mail: keep it."""

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
    """Run a real mail server in a thread, and give its port."""
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
        # Transports close in the turn after they were told to.
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
