"""A model asked over HTTP and WebSocket: answers, refusals, limits and tokens."""

import asyncio
import json
import os
import re
import socket
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient
from starlette.datastructures import QueryParams
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import skelact
from skelact.cli.main import main
from skelact.errors import ConfigurationError
from skelact.service import app as app_module
from skelact.service import serving, streaming
from skelact.service.answering import Answering, safe_name, without_commands
from skelact.service.app import build_app
from skelact.service.metrics import Metrics

SECRET = "correct-horse-battery-staple"
ADDRESS = "http://127.0.0.1:8000"


def test_a_file_and_pose_json_are_answered_as_predict_does(client, model, recording, pose):
    reply = client.post("/predict", params={"file": recording.name, "top": 2}, content=recording.read_bytes())
    assert reply.status_code == 200
    (one,) = reply.json()["recordings"]
    ((_, expected),) = skelact.predict(model, [recording], top=2).found
    assert {key: value for key, value in one.items() if key != "file"} == json.loads(
        json.dumps(expected.to_dict())
    )
    assert one["file"] == recording.name
    (as_pose,) = client.post("/predict", json=pose).json()["recordings"]
    assert as_pose["top"][0]["label"] == one["top"][0]["label"]
    (body,) = pose["bodies"]
    shown = {"topology": "kinect-20", "bodies": [{"positions": np.array(body["positions"])[:, :20].tolist()}]}
    answered = client.post("/predict", json=shown).json()
    assert [note for note in answered["notes"] if note.startswith("skeletons were brought from kinect-20")]


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (b"", 400, "no body"),
        (b"{", 422, "the body: no known format"),
        (b"[]", 422, "the body: no known format"),
        (b'{"topology": "ntu-25", "bodies": []}', 422, "0 bodies"),
        (b'{"topology": "ntu-25", "bodies": [{"positions": [[1, 2]]}]}', 422, "expected 25 joints"),
        (b'{"topology": "ntu-25", "bodies": [{"positions": [null]}]}', 422, "no joint"),
        (b'{"bodies": ' + b"[" * 100_000, 422, "nested"),
        (b"\x00" * 1000, 422, "the body is no pose-JSON; tell the file's name, as /predict?file=wave.bvh"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(client, content, status, reason):
    reply = client.post("/predict", content=content)
    assert reply.status_code == status
    assert set(reply.json()) == {"reason"}
    assert reason in reply.json()["reason"]
    assert "/tmp" not in reply.text
    assert "Traceback" not in reply.text


def test_who_asks_over_http_is_told_what_to_do_there(client, recording):
    told = client.post("/predict", content=recording.read_bytes()).json()["reason"]
    assert told == "the body is no pose-JSON; tell the file's name, as /predict?file=wave.bvh"
    form = client.post("/predict", files={"file": (recording.name, recording.read_bytes())})
    assert form.status_code == 415
    assert "a form; send the file itself as the body (curl --data-binary @FILE)" in form.json()["reason"]
    for name, content in (("x.json", b"{"), ("flat.json", b'{"people": []}'), ("x.csv", b"a,b\n1,2\n")):
        reason = client.post("/predict", params={"file": name}, content=content).json()["reason"]
        assert reason.startswith(name)
        assert "skelact" not in reason
    kept = "a.csv: of another skeleton; here"
    assert (
        without_commands(f"{kept}; name it: skelact data prepare csv RAW STORE; --topology says it") == kept
    )


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/dev/null", "a\x00b.json", "<script>.json", "x" * 255, "\u202egpj.json", "."],
)
def test_hostile_names_are_text(client, pose, name):
    for content in (json.dumps(pose).encode(), b"{"):
        reply = client.post("/predict", params={"file": name}, content=content)
        assert reply.status_code in (200, 422)
        assert "skelact-" not in reply.text
        assert reply.headers["content-type"] == "application/json"
    made = safe_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", made)
    assert len(made) <= 100


def test_bodies_are_bounded_by_the_limits(client, monkeypatch):
    monkeypatch.setenv("SKELACT_LIMITS", "recording=1000")
    reply = client.post("/predict", content=b"x" * 2000)
    assert reply.status_code == 413
    assert "the body has 1 KB, and the most" in reply.json()["reason"]

    def parts():
        for _ in range(20):
            yield b"x" * 100

    assert client.post("/predict", content=parts()).status_code == 413


def test_frames_and_people_are_bounded_by_the_limits(client, pose, monkeypatch):
    monkeypatch.setenv("SKELACT_LIMITS", "frames=3,people=5")
    reply = client.post("/predict", json=pose)
    assert reply.status_code == 422
    assert "frames of one recording is 3" in reply.json()["reason"]
    frame = pose["bodies"][0]["positions"][0]
    crowd = {"time": 0, "bodies": [{"id": number, "positions": frame} for number in range(6)]}
    assert "people" in told_by_the_stream(client, json.dumps(crowd))[1]


def test_what_is_not_there_is_refused_in_json(client):
    for method, path, status in (
        ("GET", "/nothing", 404),
        ("GET", "/predict", 405),
        ("GET", "/docs", 404),
        ("POST", "/predict?top=0", 422),
        ("POST", "/predict?tpo=3", 422),
        ("POST", "/predict?top=many", 422),
        ("POST", "/predict?file=x.MP4", 422),
    ):
        reply = client.request(method, path)
        assert reply.status_code == status
        assert set(reply.json()) == {"reason"}


def test_health_card_and_metrics(client, model, pose):
    assert client.get("/health").json() == {"status": "ok", "version": skelact.__version__, "classes": 3}
    card = client.get("/card").json()
    assert card["classes"] == model.classes
    assert "/tmp" not in json.dumps(card)
    client.post("/predict", json=pose)
    client.post("/predict", content=b"{")
    text = client.get("/metrics").text
    assert re.search(r'skelact_requests_total\{path="/predict",status="200"\} [1-9]', text)
    assert re.search(r'skelact_requests_total\{path="/predict",status="422"\} [1-9]', text)
    assert "skelact_request_seconds_bucket" in text
    assert "/nothing" not in text, "paths that are not there make no numbers of their own"


def test_an_error_of_the_service_tells_nothing(client, pose, monkeypatch, capsys):
    def broken(*_):
        raise ValueError("/secret/place")

    monkeypatch.setattr(client.app.state.answering, "_predict", broken)
    reply = client.post("/predict", json=pose)
    assert reply.status_code == 500
    assert reply.json() == {"reason": "an error of the service; its log says more"}
    assert "/secret/place" in capsys.readouterr().err


def test_the_page_needs_nothing_from_elsewhere(client):
    reply = client.get("/")
    assert reply.headers["content-type"].startswith("text/html")
    assert not re.search(r"(?:https?:)?//[a-z]", re.sub(r"<script.*?</script>", "", reply.text, flags=re.S))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', reply.text)[1]
    assert policy.startswith("default-src 'none'; ")
    assert [part for part in policy.split("; ") if part.startswith("connect-src")] == ["connect-src 'self'"]


def test_a_token_is_asked_where_there_is_one(model, pose):
    with TestClient(build_app(model, token=SECRET, any_host=True), base_url="http://example.org") as client:
        assert client.get("/health").status_code == 200
        assert client.get("/").status_code == 200
        for path in ("/card", "/metrics", "/openapi.json", "/nothing"):
            reply = client.get(path)
            assert reply.status_code == 401
            assert reply.headers["www-authenticate"] == "Bearer"
        for sent in ("", SECRET, f"Basic {SECRET}", f"Bearer {SECRET}x"):
            wrong = client.post("/predict", json=pose, headers={"Authorization": sent})
            assert (wrong.status_code == 401) == (sent != SECRET)
        right = {"Authorization": f"Bearer {SECRET}"}
        assert client.post("/predict", json=pose, headers=right).status_code == 200
        assert told_by_the_stream(client, "{}")[0] == streaming.WRONG
        with client.websocket_connect("/stream", headers=right) as stream:
            stream.send_text("end")


def test_frames_at_which_nothing_is_decided_wait_for_nobody(model, pose):
    """While somebody else's question takes its time."""
    app, taken = build_app(model), threading.Event()
    with TestClient(app, base_url=ADDRESS) as client:
        app.state.answering._thread.submit(taken.wait, 60)
        try:
            with client.websocket_connect("/stream?every=100", headers={"Host": "127.0.0.1:8000"}) as stream:
                stream.send_json({"topology": "ntu-25", "fps": 30})
                for frame in pose["bodies"][0]["positions"][:20]:
                    stream.send_json({"bodies": [{"id": 7, "positions": frame}]})
                stream.send_json({"topology": "none"})
                _, code, reason = all_of(stream)
        finally:
            taken.set()
        assert code == streaming.BROKEN
        assert reason.startswith("message 22: "), "all before were taken"


def test_pages_of_elsewhere_and_other_names_may_not_ask(client, pose):
    assert client.post("/predict", json=pose, headers={"Origin": "http://evil.org"}).status_code == 403
    assert client.post("/predict", json=pose, headers={"Host": "evil.org:8000"}).status_code == 403
    assert client.post("/predict", json=pose, headers={"Origin": ADDRESS}).status_code == 200
    broken = client.get("/health", headers={"Origin": "http://["})
    assert broken.status_code == 403
    assert "pages of elsewhere may not ask" in broken.text
    assert broken.headers["X-Content-Type-Options"] == "nosniff"


def told_by_the_stream(client, *messages, query=""):
    """Return the code and the reason with which a stream was closed."""
    with client.websocket_connect(f"/stream{query}", headers={"Host": "127.0.0.1:8000"}) as stream:
        for message in messages:
            (stream.send_bytes if isinstance(message, bytes) else stream.send_text)(message)
        return all_of(stream)[1:]


def all_of(stream):
    """Return the events that come until a stream is closed, with its code and its reason."""
    found = []
    while True:
        try:
            found.append(stream.receive_json())
        except WebSocketDisconnect as closed:
            return found, closed.code, closed.reason


def test_events_of_a_stream_are_those_of_the_model(client, model, pose):
    frames = pose["bodies"][0]["positions"]
    expected = model.stream(window=1, every=5, begin=0.01, end=0.01, top=1)
    events = [
        event.to_dict() for frame in frames for event in expected.frame({7: np.array(frame)}, fps=30.0)
    ] + [event.to_dict() for event in expected.finish()]
    address, here = "/stream?window=1&every=5&begin=0.01&end=0.01&top=1", {"Host": "127.0.0.1:8000"}
    with client.websocket_connect(address, headers=here) as stream:
        stream.send_json({"topology": "ntu-25", "fps": 30})
        for frame in frames:
            stream.send_json({"bodies": [{"id": 7, "positions": frame}]})
        stream.send_text("end")
        found, code, reason = all_of(stream)
    assert (code, reason) == (1000, "")
    assert found == json.loads(json.dumps(events))
    assert 'skelact_events_total{event="began"}' in client.get("/metrics").text
    assert "skelact_streams 0.0" in client.get("/metrics").text


@pytest.mark.parametrize(
    ("message", "query", "code", "reason"),
    [
        ("{", "", streaming.BROKEN, "message 1"),
        ("[]", "", streaming.BROKEN, "message 1: the whole"),
        (b"\xff\x00", "", streaming.BROKEN, "bytes"),
        ('{"bodies": 3}', "", streaming.BROKEN, "a list of bodies"),
        ('{"bodies": []}', "", streaming.BROKEN, 'time: not told, nor "fps"'),
        (
            '{"fps": 30, "bodies": [{"positions": [[1e9, 0, 0]' + ", [0, 0, 0]" * 24 + "]}]}",
            "",
            streaming.BROKEN,
            "write null",
        ),
        ("{}", "?every=0", streaming.WRONG, "every is 0"),
        ("{}", "?window=1e-300", streaming.WRONG, "window is 1e-300"),
        ("{}", "?evry=3", streaming.WRONG, "did you mean 'every'"),
        ("{}", "?every=x", streaming.WRONG, "every"),
        ("{}", "?tpo=1", streaming.WRONG, "did you mean 'top'"),
        ("{}", "?top=0", streaming.WRONG, "top is 0"),
    ],
)
def test_broken_frames_close_a_stream_with_a_reason(client, message, query, code, reason):
    found = told_by_the_stream(client, message, query=query)
    assert found[0] == code
    assert reason in found[1]


def test_a_frame_that_comes_too_early_is_told_by_its_number(client):
    frames = [json.dumps({"time": time, "bodies": []}) for time in (0, 2, 1)]
    code, reason = told_by_the_stream(client, *frames)
    assert code == streaming.BROKEN
    assert reason.startswith("message 3: frame: its time is 1 s")


@pytest.mark.parametrize("reason", ["ab " * 60 + "1,234,567", "é" * 200, "word 123456789" * 10, "short 12"])
def test_a_reason_is_cut_between_words(reason):
    cut = streaming.in_short(reason)
    assert len(cut.encode()) <= 123
    assert cut == reason or (cut.endswith("...") and f"{reason} ".startswith(cut.removesuffix("...")))


def test_streams_are_bounded_and_may_not_sleep(client, monkeypatch):
    monkeypatch.setattr(streaming, "PATIENCE", 0.2)
    assert told_by_the_stream(client)[1] == "no frame for 0.2 s"
    monkeypatch.setattr(streaming, "MOST_STREAMS", 0)
    assert told_by_the_stream(client)[0] == streaming.BUSY


@contextmanager
def served(model, **settings):
    """Give the port of a service in a thread of this process."""
    server = uvicorn.Server(serving._config(build_app(model, **settings)))
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as beside:
        running = beside.submit(serving._run, server, listening)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            running.result()


def test_a_stream_goes_on_when_a_connection_without_a_request_is_closed(model, monkeypatch):
    monkeypatch.setattr(serving, "HEADER_SECONDS", 0.2)
    with served(model) as port:
        silent = socket.create_connection(("127.0.0.1", port))
        with connect(f"ws://127.0.0.1:{port}/stream") as stream:
            stream.send('{"topology": "ntu-25", "fps": 30}')
            assert silent.recv(1) == b""  # closed, for it asked nothing
            stream.send('{"bodies": []}')
            stream.send("end")
            assert list(stream) == []  # not cut: that would raise
        silent.close()


def test_a_message_larger_than_any_frame_is_refused_unread(model):
    with served(model) as port, connect(f"ws://127.0.0.1:{port}/stream") as stream:
        stream.send(" " * (streaming.LARGEST_FRAME + 1))
        with pytest.raises(ConnectionClosed) as closed:
            stream.recv()
    assert closed.value.rcvd.code == 1009


def test_who_takes_no_events_is_told_so(model, pose, monkeypatch):
    monkeypatch.setattr(streaming, "PATIENCE", 0.2)
    frames = [
        {"fps": 30, "bodies": [{"id": 7, "positions": frame}]} for frame in pose["bodies"][0]["positions"]
    ]
    closed = []

    class Socket:
        query_params = QueryParams("window=1&every=5&begin=0.01&end=0.01")
        messages = iter([*map(json.dumps, frames), "end"])

        async def accept(self):
            pass

        async def receive(self):
            return {"type": "websocket.receive", "text": next(self.messages)}

        async def send_json(self, event):
            await asyncio.sleep(60)

        async def close(self, *why):
            closed.append(why)

    async def follow():
        answering = Answering(model)
        await streaming.follow(Socket(), answering, Metrics())
        answering.close()

    with ThreadPoolExecutor(1) as alone:
        alone.submit(asyncio.run, follow()).result()
    assert closed == [(streaming.WRONG, "no event was taken for 0.2 s")]


def test_what_the_server_itself_refuses_has_a_reason(model, monkeypatch):
    with served(model) as port:
        with socket.create_connection(("127.0.0.1", port)) as odd:
            odd.sendall(b"what\r\n\r\n")
            head, _, body = b"".join(iter(lambda: odd.recv(4096), b"")).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert json.loads(body) == {"reason": "Invalid HTTP request received."}
        assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
        monkeypatch.setattr(serving, "MOST_CONNECTIONS", 1)
        reply = httpx.get(f"http://127.0.0.1:{port}/health")
    assert reply.status_code == 503
    assert reply.json()["reason"].startswith("too many connections")


@pytest.mark.parametrize("name", ["a/b/c.json", "../c.json", "c.json", "x c.json", ""])
def test_a_file_is_called_by_its_name_once(client, name):
    reply = client.post("/predict", params={"file": name}, content=b'{"bodies": [}')
    assert reply.status_code == 422
    assert reply.json()["reason"].startswith(f"{name or 'the body'}: none of 1 recording can be used")
    assert reply.json()["reason"].count(name) == 1 or not name


def test_a_body_that_comes_too_slowly_is_refused(model, monkeypatch):
    monkeypatch.setattr(app_module, "PATIENCE", 0.1)

    async def ask():
        async def slow():
            yield b"{"
            await asyncio.sleep(5)
            yield b"}"

        transport = httpx.ASGITransport(build_app(model))
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
            return await client.post("/predict", content=slow())

    with ThreadPoolExecutor(1) as alone:  # a browser of other tests leaves a loop in this thread
        reply = alone.submit(asyncio.run, ask()).result()
    assert reply.status_code == 408
    assert "did not arrive" in reply.json()["reason"]


def test_who_asks_when_too_many_wait_is_sent_away(client, pose, monkeypatch):
    monkeypatch.setattr(client.app.state.answering, "_num_waiting", 64)
    reply = client.post("/predict", json=pose)
    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "5"


def test_settings_that_let_anybody_in_are_refused(model, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("SKELACT_TOKEN", raising=False)
    assert main(["serve", str(model.run), "--host", "0.0.0.0"]) == 2
    assert "give a token: --token-file FILE, or SKELACT_TOKEN" in capsys.readouterr().err
    (tmp_path / "token").write_text("short\n")
    assert main(["serve", str(model.run), "--token-file", str(tmp_path / "token")]) == 2
    assert "16 or more" in capsys.readouterr().err
    assert main(["serve", str(model.run), "--port", "70000"]) == 2
    assert main(["serve", str(tmp_path / "nothing")]) == 2
    before = dict(os.environ), list(warnings.filters)
    with pytest.raises(ConfigurationError, match="--port is 70000"):
        serving.serve(model, port=70000)
    assert (dict(os.environ), list(warnings.filters)) == before
    with pytest.raises(ConfigurationError):
        skelact.service.serving.serve(model, host="192.0.2.1")
