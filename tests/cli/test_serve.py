"""`dse serve` lets in whoever has its address, on this machine, from its own page; each tab is a UI of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from socket import socket
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cli.conftest import SCRIPT, Dse, environment

aiohttp = pytest.importorskip("aiohttp")
pytest.importorskip("textual_serve")


def free_port() -> int:
    with socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    command = [str(SCRIPT), "serve", "--port", str(free_port())]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
            assert process.returncode == 0, said
            assert "Traceback" not in said
        finally:
            process.kill()


def test_the_page_and_its_ui_are_for_those_who_have_the_address(address: str) -> None:
    bare = address.partition("/?")[0]
    host = urlsplit(address).netloc
    key = parse_qs(urlsplit(address).query)["key"][0]

    async def drive() -> None:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:

            async def status(url: str, **headers: str) -> int:
                async with session.get(url, headers=headers) as answer:
                    code: int = answer.status
                    return code

            assert await status(bare) == 403
            assert await status(f"{bare}/?key={key[:-1]}x") == 403
            assert await status(f"{bare}/ws", Origin=bare) == 403
            assert await status(address, Host="evil.example") == 403
            async with session.get(address) as page:
                assert page.status == 200
                assert f"ws://{host}/ws" in await page.text()
            assert await status(bare) == 200  # by the cookie
            assert await status(f"{bare}/ws", Origin="http://evil.example") == 403
            assert await status(f"{bare}/ws") == 403
            async with session.ws_connect(f"{bare}/ws?width=90&height=30", origin=bare) as tab:
                shown = b""
                while b"Runs" not in shown:
                    message = await asyncio.wait_for(tab.receive(), 60)
                    assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
                    shown += message.data if isinstance(message.data, bytes) else message.data.encode()

    asyncio.run(drive())


def test_a_taken_port_is_one_line(dse: Dse) -> None:
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = dse("serve", "--port", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"dse: Port {port} cannot be had (Address already in use): give another one, --port N.\n"


def test_without_the_extra_it_says_which(dse: Dse, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nf = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'textual_serve' else f(name, *a)\n"
    )
    done = dse("serve", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'dse-workbench[web]'" in done.stderr
    assert json.dumps(done.stderr).count("\\n") == 1
