"""JSON lines and TensorBoard, whole and interrupted."""

import builtins
import errno
import json
import weakref
from pathlib import Path

import pytest

from faults.mutations import in_place_of
from skelact.errors import ConfigurationError, DataError, SkelactWarning
from skelact.training.log import JsonLines, TensorBoard, open_log, read_metrics


def numbers(epoch):
    return {"epoch": epoch, "step": 5 * (epoch + 1), "loss": 1.0 / (epoch + 1)}


def test_lines_of_an_interrupted_run_are_written_again_once(tmp_path):
    log = JsonLines(tmp_path / "metrics.jsonl")
    for epoch in range(4):
        log.write(numbers(epoch))
    JsonLines(tmp_path / "metrics.jsonl", resume_at=2).write(numbers(2))
    assert read_metrics(tmp_path / "metrics.jsonl") == [numbers(0), numbers(1), numbers(2)]


def test_without_tensorboard_nothing_shows_figures(tmp_path):
    with open_log(tmp_path / "run", 0, 5, tensorboard=False) as log:
        assert not log.shows_figures
        log.write(numbers(0))
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["metrics.jsonl"]


def test_a_full_disk_is_said_in_one_line(tmp_path, monkeypatch):
    log = JsonLines(tmp_path / "metrics.jsonl")

    def full(self, *arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.open", full)
    with pytest.raises(DataError, match=r"metrics\.jsonl: cannot be written \(No space left.*--resume"):
        log.write(numbers(0))


def test_a_missing_tensorboard_is_said_with_the_remedy(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("tensorboard"):
            raise ImportError("No module named 'tensorboard'")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match=r"training\.tensorboard: .*pip install tensorboard"):
        TensorBoard(tmp_path)


def events_of(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = accumulator.EventAccumulator(str(folder))
    found.Reload()
    return found


def test_tensorboard_shows_each_step_once_after_a_resume(tmp_path):
    pytest.importorskip("tensorboard")
    with open_log(tmp_path, 0, 5, tensorboard=True) as log:
        for epoch in range(4):
            log.write({**numbers(epoch), "loss": 9.0})
    with open_log(tmp_path, 10, 5, tensorboard=True) as log:  # the last checkpoint was that of epoch 1
        for epoch in range(2, 6):
            log.write(numbers(epoch))
    scalars = events_of(tmp_path / "tensorboard").Scalars("loss")
    assert [scalar.step for scalar in scalars] == [5, 10, 15, 20, 25, 30]
    assert [round(scalar.value, 4) for scalar in scalars] == [9.0, 9.0, 0.3333, 0.25, 0.2, 0.1667]


def test_tensorboard_forgets_a_run_that_died_before_its_first_checkpoint(tmp_path):
    pytest.importorskip("tensorboard")
    for loss in (9.0, 5.0):
        with open_log(tmp_path, 0, 5, tensorboard=True) as log:
            log.write({**numbers(0), "loss": loss})
    assert [scalar.value for scalar in events_of(tmp_path / "tensorboard").Scalars("loss")] == [5.0]


def test_where_tensorboard_cannot_write_the_run_goes_on(tmp_path):
    pytest.importorskip("tensorboard")
    (tmp_path / "tensorboard").write_text("taken")
    with pytest.warns(
        SkelactWarning, match=r"tensorboard: cannot be written \(File exists\); the run goes on"
    ):
        log = TensorBoard(tmp_path / "tensorboard")
    log.write(numbers(0))
    log.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up_ends_tensorboard_with_one_warning(tmp_path, capfd):
    pytest.importorskip("tensorboard")
    from matplotlib.figure import Figure

    with open_log(tmp_path, 0, 5, tensorboard=True) as log:
        log.write(numbers(0))
        (board,) = (sink for sink in log.sinks if isinstance(sink, TensorBoard))
        with open("/dev/full", "wb", buffering=0) as full:
            board._records._writer = full
            with pytest.warns(SkelactWarning, match="No space left on device"):
                log.write(numbers(1))
        log.write(numbers(2))
        log.draw({"masks": Figure()}, 15)
    assert capfd.readouterr() == ("", "")
    assert [line["epoch"] for line in read_metrics(tmp_path / "metrics.jsonl")] == [0, 1, 2]
    assert [scalar.step for scalar in events_of(tmp_path / "tensorboard").Scalars("loss")] == [5]


def test_figures_do_not_stay_in_memory(tmp_path):
    pytest.importorskip("tensorboard")
    from matplotlib.figure import Figure

    def draw(log, step):
        figure = Figure()
        figure.add_subplot().plot([1, 2])
        log.draw({"masks": figure}, step)
        return weakref.ref(figure)

    with open_log(tmp_path, 0, 5, tensorboard=True) as log:
        first = draw(log, 5)
        draw(log, 10)  # while it is drawn itself, its caller holds it
        assert first() is None


WILD_LINES = [
    *(
        b"[" * 100_000,
        b"\xff\xfe",
        b"\x00",
        b"{}",
        b"3",
        b"null",
        b"[]",
        b'{"epoch": -1, "loss": 1}',
        b'{"epoch"',
    ),
    *(b'{"epoch": 1.5}', b'{"epoch": true}', b'{"epoch": 1, "loss": "x"}', b'{"epoch": 1, "loss": {"a": 1}}'),
    *(
        b'{"epoch": 1e999, "loss": 2}',
        b'{"epoch": ' + b"9" * 5000 + b"}",
        b'{"loss": 1.0}',
        b'{"epoch": null}',
    ),
]


@pytest.mark.parametrize("line", WILD_LINES)
def test_damaged_lines_are_left_out_with_a_warning(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    whole = [json.dumps(numbers(epoch)).encode() for epoch in range(3)]
    path.write_bytes(b"\n".join([whole[0], line, whole[1], line, whole[2], b'{"epoch": 3, "lo']))
    with pytest.warns(SkelactWarning, match=r"metrics\.jsonl: line 2 and 1 more cannot be read"):
        assert read_metrics(path) == [numbers(0), numbers(1), numbers(2)]
    with pytest.warns(SkelactWarning, match="line 2"):
        JsonLines(path, resume_at=2)
    assert read_metrics(path) == [numbers(0), numbers(1)]


@pytest.mark.parametrize("what", ["a folder", "a pipe", "a link to nothing", "a link to /dev/zero", "NULs"])
def test_a_log_that_is_no_file_is_refused(tmp_path, what):
    path = tmp_path / "metrics.jsonl"
    in_place_of(path, what)
    if what == "NULs":
        assert read_metrics(path) == []
        return
    with pytest.raises(DataError, match=r"metrics\.jsonl: .*; move it away"):
        read_metrics(path)


def test_tensorboard_takes_figures(tmp_path):
    pytest.importorskip("tensorboard")
    from matplotlib.figure import Figure

    figure = Figure()
    figure.add_subplot().plot([1, 2])
    with open_log(tmp_path, 0, 5, tensorboard=True) as log:
        assert log.shows_figures
        log.draw({"masks": figure}, 5)
    assert [image.step for image in events_of(tmp_path / "tensorboard").Images("masks")] == [5]
