"""Frames one by one: what begins, goes on and ends, of whom and when."""

import io
import json
import sys
from contextlib import suppress

import numpy as np
import pytest
from msgspec import structs

import skelact
from class_folders import in_class_folders
from skelact.cli.main import main
from skelact.errors import ConfigurationError, DataError
from skelact.recognition.description import RECOGNITION, told
from skelact.recognition.package import write_package
from skelact.skeleton.conversion import plan_conversion
from skelact.skeleton.tables import NTU_25, TOPOLOGIES

ACTIONS = {"A008": "sitting down", "A010": "clapping", "A023": "hand waving", "A026": "hopping"}
FPS = 30


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stream")
    in_class_folders(folder / "gestures", 64, ACTIONS, seed=1)
    in_class_folders(folder / "asked", 16, ACTIONS, seed=2)
    return folder


@pytest.fixture(scope="module")
def model(ground, store_path):
    few = {"size": "tiny", "epochs": 3, "training": {"workers": 0, "tensorboard": False}, "quiet": True}
    run = skelact.pretrain(store_path, out=ground / "run", method="mamp", clips={"view": "body"}, **few)
    return skelact.teach(ground / "gestures", out=ground / "model", from_=run).model


@pytest.fixture(scope="module")
def takes(ground):
    """Return (class, (T, V, C) positions) of recordings of others than taught, hips where they were."""
    store = skelact.prepare("auto", ground / "asked", ground / "store", workers=1)
    found = []
    for index in range(len(store)):
        one = store.sequence(index)
        found.append((ACTIONS[one.name[-4:]], one.positions[0][one.present[0]]))
    return found


@pytest.fixture(scope="module")
def row(takes):
    """Return classes, their first frames, and (T, V, C) recordings in a row."""
    chosen = [next(take for take in takes if take[0] == name) for name in sorted(ACTIONS.values())] * 2
    starts = np.cumsum([0, *(len(positions) for _, positions in chosen)])
    return [name for name, _ in chosen], starts, np.concatenate([positions for _, positions in chosen])


def played(stream, frames, fps=FPS, person=0):
    events = [event for frame in frames for event in stream.frame({person: frame}, fps=fps)]
    return events + stream.finish()


def test_actions_in_a_row_are_found_where_they_are(model, row):
    names, starts, frames = row
    events = played(model.stream(window=2), frames)
    began = [event for event in events if event.event == "began"]
    ended = [event for event in events if event.event == "ended"]
    assert len(began) == len(ended)
    assert [one.label for one in began] == [one.label for one in ended]
    found = 0
    for name, first, last in zip(names, starts, starts[1:], strict=False):
        found += any(
            one.label == name and one.start < last / FPS and other.end > first / FPS
            for one, other in zip(began, ended, strict=True)
        )
    assert found >= 5
    for one, other in zip(began, ended, strict=True):
        assert one.start == other.start <= other.end <= other.time
        assert one.start <= one.time
    for earlier, later in zip(ended, began[1:], strict=False):
        assert earlier.end <= later.start, "one thing at a time"
    still = [event for event in events if event.event == "still"]
    assert all(event.probability >= 0.3 for event in still)


def test_hysteresis_gives_fewer_beginnings_than_a_bare_window(model, row):
    frames = row[2]
    steady = played(model.stream(window=2, every=5), frames)
    bare = played(model.stream(window=2, every=5, begin=0.01, end=0.01, smoothing=0), frames)

    def count(events):
        return sum(event.event == "began" for event in events)

    assert 0 < count(steady) < count(bare)


def test_a_decision_is_what_predict_says_of_the_same_frames(model, takes):
    _, positions = takes[0]
    seconds = (len(positions) - 1) / FPS
    stream = model.stream(
        window=seconds, every=len(positions), begin=1e-6, end=1e-6, smoothing=0, top=len(ACTIONS)
    )
    (began, *_) = played(stream, positions)
    asked = model.predict(positions, fps=FPS, top=len(ACTIONS))
    told = {guess.label: guess.probability for guess in began.top}
    if asked.unfamiliar:
        pytest.skip("the take is unfamiliar, so nothing begins")
    assert told == pytest.approx({guess.label: guess.probability for guess in asked.top}, abs=1e-3)


def test_the_rate_of_frames_may_change(model, takes):
    """Every second frame at half the rate is the same window, but for what lies between."""
    _, positions = takes[2]
    positions = positions[: len(positions) // 4 * 4 + 1]
    half = len(positions) // 2
    settings = {"window": (len(positions) - 1) / FPS, "begin": 1e-6, "end": 1e-6, "smoothing": 0, "top": 4}
    whole = model.stream(every=len(positions), **settings)
    (expected, *_) = played(whole, positions)
    times = np.arange(len(positions)) / FPS
    kept = np.r_[0:half, half : len(positions) : 2]
    mixed = model.stream(every=len(kept), **settings)
    events = [
        event for number in kept for event in mixed.frame({0: positions[number]}, time=float(times[number]))
    ]
    assert events[0].label == expected.label
    assert events[0].probability == pytest.approx(expected.probability, abs=0.1)


def test_people_come_and_go_by_name(model, takes):
    """Each is told apart from the others; who is not seen for a second has gone."""
    first, second = takes[0][1], takes[8][1]
    length = min(len(first), len(second))
    stream = model.stream(window=1.5, every=3, begin=0.3, end=0.2)
    events = []
    for number in range(length):
        people = {"anna": first[number]}
        if number >= 10:
            people[7] = second[number]
        events += stream.frame(people, time=number / FPS)
    assert {event.person for event in events} <= {"anna", 7}
    nobody = [event for number in range(60) for event in stream.frame({}, time=(length + number) / FPS)]
    doing = {event.person for event in events if event.event == "began"}
    assert {event.person for event in nobody if event.event == "ended"} <= doing
    assert not stream._tracks
    assert not stream._doing
    assert stream.finish() == []
    unseen = np.full_like(first[0], np.nan)
    assert stream.frame({"anna": unseen}, time=100) == []
    assert not stream._tracks


def test_a_hole_of_some_frames_changes_little(model, takes):
    _, positions = takes[0]
    settings = {"window": (len(positions) - 1) / FPS, "begin": 1e-6, "end": 1e-6, "smoothing": 0}
    (whole, *_) = played(model.stream(every=len(positions), **settings), positions)
    stream, events = model.stream(every=len(positions), **settings), []
    for number, frame in enumerate(positions):
        events += stream.frame({} if 20 <= number < 26 else {0: frame}, fps=FPS)
    assert events[0].label == whole.label
    assert events[0].probability == pytest.approx(whole.probability, abs=0.2)


def test_who_is_away_for_a_while_is_absent_there_as_in_a_recording(model, takes, monkeypatch):
    (_, positions), asked = takes[0], []
    stream = model.stream(window=(len(positions) - 1) / FPS, every=len(positions))
    recogniser = type(stream._recogniser)
    ask = recogniser.ask
    monkeypatch.setattr(
        recogniser, "ask", lambda of, store: asked.append(store.sequence(0)) or ask(of, store)
    )
    for number, frame in enumerate(positions):
        stream.frame({} if 10 <= number < 20 else {0: frame + (number >= 20)}, fps=FPS)
    assert np.flatnonzero(~asked[0].present[0]).tolist() == list(range(10, 20))


def test_everybody_together_is_one(model, takes):
    first, second = takes[0][1], takes[8][1]
    length = min(len(first), len(second))
    stream = model.stream(window=1.5, every=5, begin=1e-6, end=1e-6, together=True)
    events = [
        event
        for number in range(length)
        for event in stream.frame({"a": first[number], "b": second[number] + 1}, fps=FPS)
    ]
    assert {event.person for event in events} <= {None}
    ended = stream.finish()
    assert [event.event for event in ended] == ["ended"] * bool(events)


@pytest.mark.parametrize("settings", [{"gap": 4}, {"gap": 4, "together": True}])
def test_who_is_hidden_for_longer_than_the_window_takes_no_decision_from_others(model, takes, settings):
    first, second = takes[0][1], takes[8][1]
    stream = model.stream(window=0.8, begin=1e-6, end=1e-6, **settings)
    events = []
    for number in range(150):
        people = {} if "together" in settings and number < 90 else {"b": second[number % len(second)]}
        if number < 30:
            people["a"] = first[number]
        events += stream.frame(people, fps=FPS)
    assert max(event.time for event in events if event.event == "still") > 4


def test_what_ended_is_told_after_an_error(model, takes, monkeypatch):
    positions = takes[0][1]
    monkeypatch.setattr(type(model.recogniser.about), "is_unfamiliar", lambda *_: False)
    stream = model.stream(window=0.8, every=1, begin=1e-6, end=1e-6, gap=0.15)
    for number in range(29):
        people = {"a": positions[number]} if number < 25 else {}
        stream.frame({"b": positions[number], **people}, fps=FPS)
    with monkeypatch.context() as patch:
        patch.setattr(type(stream._recogniser), "ask", lambda *_: (_ for _ in ()).throw(DataError("no")))
        with pytest.raises(DataError, match="no"):
            stream.frame({"b": positions[29]}, fps=FPS)
    events = stream.frame({"b": positions[30]}, fps=FPS)
    assert [event.event for event in events if event.person == "a"] == ["ended"]


def test_frames_too_far_apart_are_told_once(model, takes):
    stream = model.stream()
    with pytest.warns(skelact.errors.SkelactWarning, match=r"33 s apart.*times are seconds") as told:
        events = [stream.frame({0: takes[0][1][number]}, time=33.0 * number) for number in range(10)]
    assert (len(told), sum(map(len, events))) == (1, 0)


def test_memory_is_bounded_however_many_frames_and_people_come(model, monkeypatch):
    stream = model.stream(window=0.5, every=10**6)
    frame = np.zeros((25, 3)) + np.arange(25)[:, None] / 10
    for number in range(5000):
        stream.frame({0: frame}, time=number * 1e-4)
    assert len(stream._tracks[0].times) <= 1002
    monkeypatch.setenv("SKELACT_LIMITS", "people=5")
    with pytest.raises(DataError, match="--limit people="):
        stream.frame(dict.fromkeys(range(6), frame), time=1)
    for number in range(20):
        with suppress(DataError):
            stream.frame({f"new {number}": frame}, time=1.1 + number / 100)
    assert len(stream._tracks) <= 5


@pytest.mark.parametrize(
    ("people", "when", "message"),
    [
        ({0: np.zeros((20, 3))}, {"time": 1}, r"shape \(20, 3\), expected \(25, 3\)"),
        ({0: [["x"]]}, {"time": 1}, "not an array of numbers"),
        ({None: np.zeros((25, 3))}, {"time": 1}, "person None: expected a number or a name"),
        ({1.5: np.zeros((25, 3))}, {"time": 1}, r"person 1.5: expected a number or a name"),
        ({True: np.zeros((25, 3))}, {"time": 1}, "person True: expected a number or a name"),
        ({"x" * 2000: np.zeros((25, 3))}, {"time": 1}, "--limit name="),
        (
            np.zeros((25, 3)),
            {"time": 1},
            "a frame is ndarray, expected the positions of each person by a name",
        ),
        ({0: np.full((25, 3), 1e7)}, {"time": 1}, "farther than"),
        ({0: np.full((25, 3), np.inf)}, {"time": 1}, "farther than"),
        ({}, {}, "neither a time nor"),
        ({}, {"time": float("nan")}, "times have to increase"),
        ({}, {"fps": -3.0}, "fps is -3"),
    ],
)
def test_frames_that_cannot_be_used_leave_the_stream_as_it_was(model, people, when, message):
    stream = model.stream()
    with pytest.raises(DataError, match=message):
        stream.frame(people, **when)
    assert not stream._tracks
    stream.frame({}, time=0)
    with pytest.raises(DataError, match="times have to increase"):
        stream.frame({}, time=0)


def test_settings_are_checked(model):
    for settings in ({"window": 0}, {"every": 0}, {"begin": 0.2, "end": 0.3}, {"gap": 0}, {"smooth": 1}):
        with pytest.raises(ConfigurationError):
            model.stream(**settings)
    usual = model.recogniser.about.seconds
    assert 1 < usual < 10
    assert model.stream().window == pytest.approx(0.8 * usual)


def test_a_window_that_nothing_tells_is_told(model, tmp_path, capsys):
    taught = model.recogniser
    about = structs.replace(taught.about, seconds=None)
    write_package(
        tmp_path / "no-rate", {**taught.pretrained.card, RECOGNITION: told(about)}, taught.tensors()
    )
    (tmp_path / "frames.jsonl").write_text('{"topology": "ntu-25", "fps": 30}\n')
    words = ["predict", str(tmp_path / "no-rate"), "--follow", str(tmp_path / "frames.jsonl")]
    said = []
    for more in ([], ["--stream.window", "2"]):
        assert main([*words, *more]) == 0
        said.append(capsys.readouterr().err)
    window = skelact.load(tmp_path / "no-rate").stream().window
    assert (
        f"tell no frame rate, and so not how long they are: a window is {window:.1f} s; --stream.window"
        in (said[0])
    )
    assert said[1] == ""


def lines_of(row, extra=()):
    lines = [{"topology": "ntu-25", "fps": FPS}]
    lines += [{"bodies": [{"id": 7, "positions": frame.round(4).tolist()}]} for frame in row[2]]
    return "\n".join([*map(json.dumps, lines), *extra]) + "\n"


def test_lines_on_the_standard_input_and_in_a_file(model, row, tmp_path, monkeypatch, capsys):
    text = lines_of(row)
    (tmp_path / "frames.jsonl").write_text(text)
    words = ["predict", str(model.run), "--follow", "--stream.window", "2", "--top", "1"]
    assert main([*words, str(tmp_path / "frames.jsonl")]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {event["event"] for event in events} == {"began", "still", "ended"}
    assert {event["person"] for event in events} == {7}
    assert all(len(event["top"]) == 1 for event in events)
    assert all(len(str(event["time"]).partition(".")[2]) <= 3 for event in events)
    direct = played(model.stream(window=2, top=1), row[2].round(4), person=7)
    assert [event["label"] for event in events] == [event.label for event in direct]

    class Input:
        buffer = io.BytesIO(text.encode())

    monkeypatch.setattr(sys, "stdin", Input)
    assert main([*words, "-"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == events


def test_lines_that_cannot_be_used_are_told_and_the_others_go_on(model, row, tmp_path, capsys):
    joints = row[2][0].tolist()
    broken = [
        "{",
        "[]",
        '{"bodies": 3}',
        '{"bodies": [], "time": "soon"}',
        '{"topology": "stick"}',
        '{"unit": "px"}',
        '{"fps": 0}',
        json.dumps({"bodies": [{"positions": joints[:3]}]}),
        json.dumps({"bodies": [{"id": 1, "positions": joints}, {"id": 1, "positions": joints}]}),
        json.dumps({"bodies": [{"id": [1], "positions": joints}]}),
        json.dumps({"bodies": [], "time": 0}),
    ]
    (tmp_path / "frames.jsonl").write_text(lines_of(row, broken))
    assert main(["predict", str(model.run), "--follow", str(tmp_path / "frames.jsonl")]) == 2
    out, err = capsys.readouterr()
    assert '"began"' in out
    assert len(err.splitlines()) == len(broken)
    first = len(row[2]) + 2
    for number, line in enumerate(err.splitlines(), first):
        assert line.startswith(f"skelact: {tmp_path / 'frames.jsonl'}: line {number}: ")
    assert f"line {first}: not JSON" in err
    (tmp_path / "headless.jsonl").write_text('{"bodies": []}')
    assert main(["predict", str(model.run), "--follow", str(tmp_path / "headless.jsonl")]) == 2
    told = 'headless.jsonl: line 1: time: not told, nor "fps"; give "fps" in a first line, or "time" in each'
    assert capsys.readouterr().err.endswith(f"{told}\n")
    (tmp_path / "noise.jsonl").write_text("?\n" * 1000)
    assert main(["predict", str(model.run), "--follow", str(tmp_path / "noise.jsonl")]) == 2
    assert "100 lines in a row that cannot be used" in capsys.readouterr().err
    back = json.dumps({"bodies": [], "time": 0}) + "\n"
    (tmp_path / "back.jsonl").write_text(back * 300)
    assert main(["predict", str(model.run), "--follow", str(tmp_path / "back.jsonl")]) == 2
    assert "100 lines in a row that cannot be used" in capsys.readouterr().err
    (tmp_path / "days.jsonl").write_text(("?\n" * 60 + lines_of(row).partition("\n")[0] + "\n") * 3)
    main(["predict", str(model.run), "--follow", str(tmp_path / "days.jsonl")])
    assert len(capsys.readouterr().err.splitlines()) == 180, "a camera that runs for days has some"
    for words in (["nothing.jsonl"], ["a", "b"], ["a", "--csv"]):
        assert main(["predict", str(model.run), "--follow", *words]) == 2
    assert main(["predict", str(model.run), "x.json", "--stream.window", "2"]) == 2


def test_other_skeletons_and_units_are_brought_to_the_models(model, row, tmp_path, capsys):
    to_kinect = plan_conversion(NTU_25, TOPOLOGIES["kinect-20"]).shares
    frames = row[2]
    lines = [{"topology": "kinect-20", "fps": FPS, "unit": "mm"}]
    lines += [{"bodies": [{"positions": (1000 * to_kinect @ frame).round(1).tolist()}]} for frame in frames]
    (tmp_path / "mm.jsonl").write_text("\n".join(map(json.dumps, lines)))
    words = ["predict", str(model.run), "--follow", "--stream.window", "2"]
    assert main([*words, str(tmp_path / "mm.jsonl")]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    began = {event["label"] for event in events if event["event"] == "began"}
    assert len(began) >= 2
    (tmp_path / "metres.jsonl").write_text(
        "\n".join(map(json.dumps, [{**lines[0], "unit": "m"}, *lines[1:]]))
    )
    assert main([*words, str(tmp_path / "metres.jsonl")]) == 2
    assert "as if in another unit" in capsys.readouterr().err
