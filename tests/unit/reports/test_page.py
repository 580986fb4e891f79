"""Pages hold what they need and let nothing in: no connection, no markup of the data's."""

import base64
import hashlib
import http.client
import json
import re
import socket
import struct
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest

from skelact.errors import DataError, SkelactWarning
from skelact.reports import serving
from skelact.reports.page import PAGES, fill_page, in_frame, packed, script_json
from skelact.reports.player import SCRIPTS
from skelact.reports.serving import PageServer, names_loopback, own_port

HOSTILE = "</script><img src=x onerror=alert(1)>{{policy}}&amp;<!--"


def page(data):
    return fill_page("view", SCRIPTS, title=HOSTILE, data=data)


def test_what_data_says_cannot_end_its_element():
    text = script_json({HOSTILE: [HOSTILE, 1.5, None]})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {HOSTILE: [HOSTILE, 1.5, None]}


def test_a_page_has_its_parts_once_and_its_data_back():
    made = page({"name": HOSTILE})
    assert made.count("</script>") == 2
    assert "<img" not in made
    assert "{{" not in re.sub(r"\{\{policy\}\}", "", made), "no field of the template is left"
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', made, re.S)
    assert json.loads(data) == {"name": HOSTILE}


def test_a_page_runs_its_own_script_alone_and_asks_no_network():
    made = page({})
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]+)"', made)
    for element in ("script", "style"):
        [text] = re.findall(rf"<{element}>(.*?)</{element}>", made, re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    parts = {part.name: part.read_text() for part in PAGES.iterdir()}
    assert not any(
        re.search(r"(?:https?:)?//[a-z]|@import|XMLHttpRequest|innerHTML", part) for part in parts.values()
    )
    asking = {name for name, part in parts.items() if "fetch(" in part}
    expected = {"browse.js", "examples.js", "live.js", "serve.js"}
    assert asking == expected, "which ask the server that they came from"
    assert re.findall(r"fetch\((.*?)[,)]", parts["live.js"]) == ['"stop"', '"state"']
    assert (
        parts["examples.js"].count("fetch(") == parts["examples.js"].count("fetch(`${kind}/${place}`)") == 1
    )
    assert parts["browse.js"].count("fetch(") == parts["browse.js"].count("fetch(`${kind}/${place}`)") == 1


def test_numbers_come_out_of_their_packing():
    array = np.array([[1, -2], [300, -32768]], ">i2")
    assert np.frombuffer(base64.b64decode(packed(array)), "<i2").tolist() == [1, -2, 300, -32768]


def test_a_page_in_a_notebook_is_shut_in():
    framed = in_frame(page({"name": HOSTILE}), 500)
    assert framed.startswith("<iframe srcdoc=")
    assert framed.count("<") == 2, "the page inside is text of an attribute"
    assert 'sandbox="allow-scripts"' in framed


@pytest.fixture
def server():
    with PageServer("<p>here") as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def ask(address, host=None):
    request = urllib.request.Request(address, headers={} if host is None else {"Host": host})
    return urllib.request.urlopen(request, timeout=10)


def test_a_served_page_is_at_its_address_alone(server):
    answer = ask(server.address)
    assert answer.read() == b"<p>here"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert server.address.startswith("http://127.0.0.1:")
    root = server.address[: -len(server.path)]
    for place, host in ((f"{root}/", None), (f"{server.address}x", None), (server.address, "evil.example")):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            ask(place, host)


def test_browsers_that_leave_or_say_nothing_and_answers_that_fail_leave_no_traceback(capfd, monkeypatch):
    def answer(_):
        raise DataError("the store\x1b is damaged")

    monkeypatch.setattr(serving._Handler, "timeout", 0.2)
    with PageServer("<p>" + "x" * 30_000_000, answer=answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with socket.create_connection(server.server_address) as silent:
            assert silent.recv(1) == b""
        with socket.create_connection(server.server_address) as leaves:
            leaves.sendall(f"GET {server.path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            assert leaves.recv(4) == b"HTTP"
            leaves.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(f"{server.address}full/1")
        monkeypatch.setattr(serving._Handler, "timeout", 60)
        with ask(server.address) as answered:
            assert answered.read(3) == b"<p>"
        server.shutdown()
    assert capfd.readouterr().err == "skelact: the store\\x1b is damaged\n"


def test_only_the_page_itself_has_something_done():
    done = []

    def act(what):
        done.append(what)
        return json.dumps({"told": what})

    with PageServer("<p>here", act=act, token="secret") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = server.address.split("/")[2]
        own = {"Origin": f"http://{host}", "X-Skelact-Token": "secret"}

        def post(headers, path="stop"):
            request = urllib.request.Request(server.address + path, b"", headers, method="POST")
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read())

        assert post(own) == {"told": "stop"}
        for wrong in (
            {},
            {**own, "X-Skelact-Token": ""},
            {**own, "X-Skelact-Token": "secrets"},
            {**own, "Origin": "null"},
            {**own, "Origin": "https://evil.example"},
            {**own, "Origin": "http://evil.example", "Host": "evil.example"},
            {key: value for key, value in own.items() if key != "Origin"},
        ):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                post(wrong)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            ask(f"{server.address}stop")
        assert done == ["stop"]
        server.shutdown()


def test_a_page_without_a_deed_does_nothing(server):
    headers = {"Origin": f"http://{server.address.split('/')[2]}", "X-Skelact-Token": ""}
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(
            urllib.request.Request(server.address, b"", headers, method="POST"), timeout=10
        )


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("127.0.0.1", True),
        ("localhost:8000", True),
        ("[::1]", True),
        ("[::1]:8000", True),
        ("127.0.0.2:80", True),
        ("LOCALHOST", True),
        ("10.0.0.1:80", False),
        ("", False),
        ("evil.example", False),
        ("127.0.0.1.evil.example:80", False),
        ("localhost:80@evil.example", False),
        ("[::1]:", False),
    ],
)
def test_names_of_the_loopback_are_told_from_others(host, is_own):
    assert names_loopback(host) == is_own


def test_a_port_that_is_taken_is_told(server):
    with pytest.raises(DataError, match=r"cannot be used .*; choose another"):
        PageServer("", server.server_address[1])
    with pytest.raises(DataError, match="port 70000"):
        PageServer("", 70000)


def test_a_page_of_one_name_has_one_port_as_long_as_it_is_free():
    port = own_port("a store")
    assert port == own_port("a store") != own_port("another store")
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.warns(SkelactWarning, match=f"port {port}, under which the browser keeps"):
            assert own_port("a store") == 0


def test_a_title_that_no_file_can_hold_is_told_in_letters_that_one_can():
    page = fill_page("browse", ["elements"], title="st\udcff", data={})
    assert b"<title>st\\udcff" in page.encode()
