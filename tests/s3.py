"""A server that speaks S3, in a process of its own; and some that speak it badly."""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

from tests.ports import free_port

_numbers = count(1)


@contextmanager
def s3_server() -> Iterator[str]:
    """Its address."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"NO_PROXY": "127.0.0.1"},
    )
    try:
        _until_it_listens(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def new_bucket(server: str) -> str:
    """An empty one; answers what PARVI_FILES says of it."""
    name = f"bucket-{next(_numbers)}"
    made = urllib.request.Request(f"{server}/{name}", method="PUT")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(made).close()
    return f"s3://{name}/some/where"


def environment(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "eu-north-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "NO_PROXY": "127.0.0.1",
    }


@contextmanager
def answering(said: bytes | None) -> Iterator[str]:
    """A server that says the same to everybody and hangs up; with None, one that says nothing and does not."""
    listening, open_ones = socket.create_server(("127.0.0.1", 0)), list[socket.socket]()

    def serve() -> None:
        with suppress(OSError):
            while True:
                one, _ = listening.accept()
                open_ones.append(one)
                if said is not None:
                    one.recv(1_000_000)
                    one.sendall(said)
                    one.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        for one in [listening, *open_ones]:
            one.close()


def _until_it_listens(port: int) -> None:
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError("the S3 server does not start")
