"""Opens the portal and prints its address: `python -m portal`, from `docs/examples`."""

import argparse
import socket
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import uvicorn

from portal.app import create_app
from portal.opening import open_portal


def main() -> None:
    """Serve the portal to browsers on this machine, until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m portal", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="by default a free one")
    parser.add_argument(
        "--database",
        metavar="URL",
        help="kept there, as sqlite:///portal.db or postgresql+psycopg://HOST/NAME; "
        "by default in a file of SQLite that goes with the portal",
    )
    parser.add_argument(
        "--medium", type=Path, help="the folder of a CD; by default the CD that pydicom ships"
    )
    settings = parser.parse_args()
    with TemporaryDirectory() as folder:
        database = settings.database or f"sqlite:///{folder}/portal.db"
        portal = open_portal(database, medium=settings.medium)
        listening = socket.create_server(("127.0.0.1", settings.port))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        print(f"The portal is open at {address} (Ctrl-C closes it)", flush=True)
        config = uvicorn.Config(create_app(portal), log_level="warning", server_header=False)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
        portal.close()


if __name__ == "__main__":
    main()
