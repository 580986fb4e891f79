"""The server as a process of its own, as in the image: how it starts, what it survives and how it stops."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest
import torch

from skelact.cli.main import parse
from skelact.service.app import build_app

ROOT = Path(__file__).resolve().parents[3]
IMPORTED = {"docstring-parser": "docstring_parser", "pyyaml": "yaml", "scikit-learn": "sklearn"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def in_the_image():
    """Return the packages that the image names, but for torch."""
    named = re.search(r"constraints.txt \\\n    ([\w -]+) \$\{BESIDE\}\n", DOCKERFILE)[1]
    return [*named.split(), *re.search(r'^ARG BESIDE="(.+)"$', DOCKERFILE, re.M)[1].split()]


def not_in_the_image():
    """Return how the package's other requirements are imported."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[>=]", each)[0] for each in project["dependencies"]} - {"torch", *in_the_image()}
    return sorted(IMPORTED.get(name, name.replace("-", "_")) for name in needed)


def test_the_image_holds_pinned_packages_that_are_there_and_no_more():
    pinned = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().split()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = {re.split(r"[>=]", each)[0] for each in project["optional-dependencies"]["serve"]}
    named = in_the_image()
    assert extra <= set(named)
    for name in named:
        assert {name, name.replace("-", "_")} & pinned, f"{name} is not pinned"
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.M):
        ignored = (ROOT / ".dockerignore").read_text().split()
        assert all((ROOT / name).exists() and f"!{name}" in ignored for name in line.split())
    assert DOCKERFILE.index("\nUSER 10001") < DOCKERFILE.index("\nENTRYPOINT")
    command = json.loads(re.search(r"^CMD (\[.+\])$", DOCKERFILE, re.M)[1])
    entry = json.loads(re.search(r"^ENTRYPOINT (\[.+\])$", DOCKERFILE, re.M)[1])
    parse([*entry[1:], *command])


def test_what_the_image_leaves_out_of_torch_is_not_what_it_begins_with(tmp_path):
    """The lines are run on a folder that looks like torch; importing torch asks for its shm manager."""
    site = tmp_path / "site"
    manager, *others = (
        site / "torch" / name
        for name in ("bin/torch_shm_manager", "bin/protoc", "bin/more/a", "test/b", "include/c", "lib/d.so")
    )
    for path in (manager, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    lines = [line for line in DOCKERFILE.splitlines() if re.match(r"    && (rm -rf|find) ", line)]
    run = " && ".join(line.strip().removeprefix("&& ").removesuffix("\\") for line in lines)
    subprocess.run(["sh", "-e", "-c", run], cwd=site, check=True)
    assert sorted(path.name for path in site.rglob("*") if path.is_file()) == ["d.so", "torch_shm_manager"]
    assert (Path(torch.__file__).parent / "bin" / manager.name).is_file()
    subprocess.run(["sh", "-e", "-c", run], cwd=tmp_path, check=True)  # an image without torch


def test_the_page_builds_the_image_as_the_dockerfile_says():
    told = re.sub(r"^#   ?", "", "\n".join(re.findall(r"^#   .+", DOCKERFILE, re.M)), flags=re.M)
    page = (ROOT / "docs" / "serving.md").read_text()
    for command in filter(None, re.split(r"(?m)^(?=docker )", told)):
        assert " ".join(command.replace("\\\n", " ").split()) in page


@contextmanager
def running(model):
    """Give the real server, in a process that has what the image has, and its port."""
    without = f"import sys; sys.modules.update(dict.fromkeys({not_in_the_image()!r}))"
    run = f"{without}; from skelact.cli.main import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", run, "serve", str(model.run), "--port", "0"]
    environment = {key: value for key, value in os.environ.items() if key != "SKELACT_TOKEN"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, text=True, env=environment, **pipes) as server:
        try:
            address = server.stdout.readline().rpartition(" ")[2].strip()
            assert address.startswith("http://127.0.0.1:")
            yield server, int(address.rstrip("/").rpartition(":")[2])
        finally:
            server.kill()


def health(port):
    return json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30))["status"]


@pytest.mark.slow
def test_it_starts_answers_lets_nobody_wait_and_stops_when_told(model, pose):
    """SIGTERM while a request is under way."""
    with running(model) as (server, port):
        assert health(port) == "ok"
        with socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
            slow.sendall(b"GET /health HTTP/1.1\r\nHost: 127")
            assert slow.recv(100) == b"", "a head that does not come ends the connection"
        with socket.create_connection(("127.0.0.1", port), timeout=30) as asking:
            body = json.dumps(pose).encode()
            head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
            asking.sendall(head.encode() + body[:100])
            time.sleep(0.3)
            server.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            asking.sendall(body[100:])
            assert b"200 OK" in asking.recv(200), "what was asked is answered"
        assert server.wait(timeout=30) == 0
        assert server.stderr.read() == ""


def mangled(random, port, pose):
    """Return a request that no honest client sends."""
    noise = random.randbytes(random.randrange(1, 2000))
    text = bytearray(json.dumps(pose).encode())
    text[random.randrange(len(text))] = random.randrange(256)
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    head, host = "POST /predict?file=", f"Host: 127.0.0.1:{port}\r\n"
    made = {
        "noise": noise,
        "bvh": f"{head}a.bvh HTTP/1.1\r\n{host}Content-Length: {len(noise)}\r\n\r\n".encode() + noise,
        "zip": f"{head}a.zip HTTP/1.1\r\n{host}Content-Length: {len(noise) + 2}\r\n\r\nPK".encode() + noise,
        "json": f"{head}a.json HTTP/1.1\r\n{host}Content-Length: {len(text)}\r\n\r\n".encode() + text,
        "1 GB": f"{head}a HTTP/1.1\r\n{host}Content-Length: {1 << 30}\r\n\r\n".encode() + noise,
        "chunks": f"{head}a HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nZZ\r\n".encode() + noise,
        "frames": f"GET /stream HTTP/1.1\r\n{host}{upgrade}"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        + noise,
        "long": f"GET /{'a' * random.randrange(70_000)} HTTP/1.1\r\n{host}\r\n".encode(),
        "version": f"PUT /predict HTTP/9.9\r\n{host}\r\n".encode(),
    }
    return made[random.choice(list(made))]


@pytest.mark.slow
def test_mangled_requests_neither_stop_it_nor_learn_anything(model, pose):
    random, statuses = Random(0), set()
    with running(model) as (server, port):
        for _ in range(60):
            client = socket.create_connection(("127.0.0.1", port), timeout=30)
            with client, suppress(ConnectionError, TimeoutError):
                client.sendall(mangled(random, port, pose))
                client.settimeout(0.5)  # some wait for more, which never comes
                found = client.recv(4000)
                assert b"/tmp" not in found
                assert b"Traceback" not in found
                statuses.add(found[9:12])
        assert health(port) == "ok"
        server.terminate()
        assert server.wait(timeout=30) == 0
        said = server.stderr.read().splitlines()
    assert statuses >= {b"413", b"422"}
    assert not any(status.startswith(b"5") for status in statuses)
    assert set(said) <= {"WARNING:  Invalid HTTP request received."}


@pytest.mark.slow
def test_the_service_is_what_its_schema_says(model):
    """Requests made from the OpenAPI schema: no server error, no answer that the schema does not know."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis import checks

    schema = schemathesis.openapi.from_asgi("/openapi.json", build_app(model, any_host=True))
    chosen = [
        checks.not_a_server_error,
        *(
            getattr(schemathesis.specs.openapi.checks, name)
            for name in ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
        ),
    ]
    tried = 0
    for operation in schema.get_all_operations():
        strategy = operation.ok().as_strategy()

        @settings(
            max_examples=30,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def asked(case):
            nonlocal tried
            case.call_and_validate(checks=chosen)
            tried += 1

        asked()
    assert tried > 30
