"""Stores behind an address: fetched once, whole or not at all, used without the network."""

import http.server
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from skelact.api.recordings import find_recording
from skelact.cli.main import main
from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.errors import ConfigurationError, DataError, SkelactWarning
from skelact.store import remote
from skelact.store.prepare import prepare
from skelact.store.store import Store
from skelact.store.verify import find_problems


class Server(http.server.ThreadingHTTPServer):
    """A folder over HTTP on the loopback; it counts what is asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.status = 0
        """What it answers instead of files, unless it is 0."""
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(folder)))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.SimpleHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.status:
            self.send_error(self.server.status)
        else:
            super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "served").mkdir()
    with Server(tmp_path / "served") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(remote.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def address(served: Server, small_store: Store, tmp_path: Path) -> str:
    shutil.copytree(small_store.path, tmp_path / "served" / "data" / "small")
    return f"{served.address}/data/small"


def test_a_store_is_fetched_once(address: str, served: Server, cache: Path, small_store: Store) -> None:
    store = Store.open(address)
    assert store.path.is_relative_to(cache)
    assert store.content_hash == small_store.content_hash
    assert find_problems(store) == []
    for index in range(len(store)):
        np.testing.assert_array_equal(store.positions(index), small_store.positions(index))
    assert len(served.asked) == len({*served.asked}) == 1 + len(store.meta["arrays"])
    served.asked.clear()
    assert Store.open(f"{address}/").path == store.path
    assert served.asked == ["/data/small/meta.json"]
    served.shutdown()
    served.server_close()
    with pytest.warns(SkelactWarning, match=r"cannot be reached .*; the copy .* is used"):
        assert Store.open(address).path == store.path


def test_commands_take_addresses(
    address: str, cache: Path, capsys: pytest.CaptureFixture[str], small_store: Store
) -> None:
    assert main(["data", "info", address]) == 0
    assert small_store.content_hash[:16] in capsys.readouterr().out
    assert main(["data", "verify", f"{address}/"]) == 0
    assert main(["data", "info", f"{address}-other"]) == 2
    error = capsys.readouterr().err
    assert error.endswith("meta.json: there is no such store; check the address\n")
    assert error.count("\n") == 1
    played = [find_recording(name, {}) for name in (f"{address}:2", address)]
    assert [dict(each.facts)["store"] for each in played] == ["small, number 2", "small, number 0"]


def test_parts_come_along(
    served: Server, tmp_path: Path, cache: Path, ntu_text: Callable[..., bytes]
) -> None:
    raw, store = tmp_path / "raw", tmp_path / "served" / "whole"
    raw.mkdir()
    for number in range(5):
        frames = [[(7, np.random.default_rng(number).normal(size=(25, 3)))]] * (4 + number)
        (raw / f"S001C001P{number + 1:03}R001A001.skeleton").write_bytes(ntu_text(frames))
    for number in (1, 2):
        prepare("ntu60", raw, store, shard=(number, 2), num_workers=1)
    made = prepare("ntu60", raw, store, num_workers=1, link_parts=True).store
    found = Store.open(f"{served.address}/whole")
    assert found.content_hash == made.content_hash
    assert find_problems(found) == []
    settings = ClipSettings(num_frames=4, min_crop_frames=2)
    clips = [ClipSource(each, settings).test(range(5)).positions for each in (found, made)]
    np.testing.assert_array_equal(*clips)


def test_a_stopped_fetch_goes_on(address: str, served: Server, cache: Path, tmp_path: Path) -> None:
    names = tmp_path / "served" / "data" / "small" / "row_start.bin"
    content = names.read_bytes()
    names.write_bytes(content[:-1] + b"x")
    with pytest.raises(DataError, match=r"row_start\.bin: has other bytes than meta\.json tells; upload the"):
        Store.open(address)
    names.write_bytes(content[:-8])
    with pytest.raises(DataError, match=r"row_start\.bin: has fewer bytes than meta\.json tells"):
        Store.open(address)
    names.write_bytes(content * 9)
    with pytest.raises(DataError, match=r"row_start\.bin: has more bytes than meta\.json tells"):
        Store.open(address)
    names.unlink()
    with pytest.raises(DataError, match=r"row_start\.bin: is missing; upload it again"):
        Store.open(address)
    assert not list(cache.rglob("meta.json"))
    names.write_bytes(content)
    served.asked.clear()
    store = Store.open(address)
    assert served.asked == ["/data/small/meta.json", "/data/small/row_start.bin"]
    assert find_problems(store) == []
    assert not list(cache.rglob("*.partial"))


def test_a_store_that_changed_is_fetched_again(
    address: str, cache: Path, tmp_path: Path, fixed_store: Store
) -> None:
    before = Store.open(address)
    shutil.rmtree(tmp_path / "served" / "data" / "small")
    shutil.copytree(fixed_store.path, tmp_path / "served" / "data" / "small")
    after = Store.open(address)
    assert after.content_hash == fixed_store.content_hash
    assert Store.open(before.path).content_hash == before.content_hash


def test_several_that_fetch_at_once(address: str, served: Server, cache: Path) -> None:
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(Store.open(address).path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 4
    assert len({*found}) == 1
    assert sum("joints.bin" in name for name in served.asked) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [(403, "may not be read .*; check your credentials"), (500, r"cannot be reached .*; try again")],
)
def test_a_server_that_refuses(status: int, said: str, address: str, served: Server, cache: Path) -> None:
    served.status = status
    with pytest.raises(DataError, match=said) as caught:
        Store.open(address)
    assert str(caught.value).isprintable()


def test_a_store_of_any_file_system(small_store: Store, cache: Path) -> None:
    files = fsspec.filesystem("memory")
    files.put(f"{small_store.path}/", "/bucket/some/", recursive=True)
    assert Store.open("memory://bucket/some").content_hash == small_store.content_hash
    meta = json.loads((small_store.path / "meta.json").read_text())
    files.pipe("/bucket/other/meta.json", json.dumps(meta | {"format": "skelact-store-9"}).encode())
    with pytest.raises(DataError, match=r"format 'skelact-store-9', this version reads"):
        Store.open("memory://bucket/other")
    files.pipe("/bucket/text/meta.json", b"<html>")
    with pytest.raises(DataError, match=r"text/meta\.json: line 1, column 1: not JSON"):
        Store.open("memory://bucket/text")


def test_a_bucket(small_store: Store, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``pip install -c constraints.txt s3fs 'moto[server]'`` lets it run."""
    s3fs, moto = pytest.importorskip("s3fs"), pytest.importorskip("moto.server")
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "any")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
    files = s3fs.S3FileSystem()
    files.mkdir("bucket")
    files.put(f"{small_store.path}/", "bucket/some/", recursive=True)
    found = Store.open("s3://bucket/some")
    assert (found.content_hash, find_problems(found)) == (small_store.content_hash, [])
    with pytest.raises(DataError, match="there is no such store; check the address"):
        Store.open("s3://none/some")
    server.stop()
    with pytest.warns(SkelactWarning, match=r"cannot be reached .*; the copy .* is used"):
        assert Store.open("s3://bucket/some").path == found.path
    s3fs.S3FileSystem.clear_instance_cache()
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"AWS_{name}")
    with pytest.raises(DataError, match=r"no credentials .*; set them as for any use of s3"):
        Store.open("s3://bucket/other")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nowhere://bucket/store", "no way to read nowhere://; expected s3://, gs://, https:// or a folder"),
        ("https://me:secret@host/store", "does not belong into an address; leave it out"),
        ("https://host/store?token=1", "expected the address of a store's folder"),
        ("https://host/..", "expected the address of a store's folder"),
    ],
)
def test_addresses_that_are_none(address: str, said: str, cache: Path) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        Store.open(address)
    assert "secret" not in str(caught.value)


def test_packages_that_are_missing(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    def lacks(address: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", lacks)
    with pytest.raises(
        ConfigurationError,
        match=r"s3:// needs another package; in .*: pip install -c constraints\.txt '\.\[remote\]'",
    ):
        Store.open("s3://bucket/store")
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(
        ConfigurationError, match=r"needs fsspec; in .*: pip install -c constraints\.txt '\.\[remote\]'"
    ):
        Store.open("s3://bucket/store")


def test_a_cache_that_cannot_be_written(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(remote.CACHE_VARIABLE, os.fspath(tmp_path / "file"))
    with pytest.raises(
        DataError, match=r"cannot be written .*; make room, or name another folder by SKELACT_CACHE"
    ):
        Store.open(address)
