"""Asking a model that was taught: files, folders, standard input, arrays; what is unfamiliar."""

import contextlib
import csv
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import skelact
import skelact.recognition.prediction
from class_folders import in_class_folders
from skelact.api.prediction import predict
from skelact.cli.main import main
from skelact.errors import ConfigurationError, DataError
from skelact.recognition import occlusion
from skelact.recognition.answers import PrimeJoint
from skelact.recognition.occlusion import holding_still

ACTIONS = {
    "A007": "throwing",
    "A008": "sitting down",
    "A010": "clapping",
    "A023": "hand waving",
    "A026": "hopping",
    "A044": "touching head",
}
OTHERS = {"A006": "picking up", "A024": "kicking", "A040": "crossing hands"}


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predict")
    in_class_folders(folder / "gestures", 72, ACTIONS, seed=1)
    in_class_folders(folder / "asked", 24, ACTIONS, seed=2)
    in_class_folders(folder / "others", 18, OTHERS, seed=3)
    return folder


@pytest.fixture(scope="module")
def model(ground, store_path):
    """Return a model whose encoder sees people from their own side, wherever the camera stood."""
    few = {"size": "tiny", "epochs": 3, "training": {"workers": 0, "tensorboard": False}, "quiet": True}
    run = skelact.pretrain(store_path, out=ground / "run", method="mamp", clips={"view": "body"}, **few)
    return skelact.teach(ground / "gestures", out=ground / "model", from_=run).path


def test_other_people_are_recognised_and_probabilities_sum_to_one(ground, model):
    found = predict(model, [ground / "asked"], top=9)
    assert len(found.found) == 24
    assert found.exit_status == 0
    right = [one.label in file for file, one in found.found]
    assert np.mean(right) > 0.8
    for _, one in found.found:
        shares = [guess.probability for guess in one.top]
        assert sum(shares) == pytest.approx(1)
        assert shares == sorted(shares, reverse=True)
        assert len(one.top) == len(ACTIONS)
    confidence = np.mean([one.probability for _, one in found.found])
    assert confidence == pytest.approx(np.mean(right), abs=0.3)


def test_actions_that_nobody_taught_are_unfamiliar_and_known_ones_are_not(ground, model):
    model = skelact.teach(ground / "gestures", out=ground / "wary", from_=model, false_alarms=0.15).path
    known = [one.unfamiliar for _, one in predict(model, [ground / "asked"]).found]
    strange = [one.unfamiliar for _, one in predict(model, [ground / "others"]).found]
    assert np.mean(known) <= 0.2
    assert np.mean(strange) >= np.mean(known) + 0.25


def test_what_carries_a_decision_is_told_and_shown(ground, model, tmp_path, capsys, monkeypatch):
    (file, *_) = sorted((ground / "asked" / "hand waving").iterdir())
    page = tmp_path / "page.html"
    alone = predict(model, [file], explain=True)
    assert "when a stretch is passed over" in str(alone)
    asked = []
    monkeypatch.setattr(occlusion, "holding_still", lambda *each: asked.append(each) or holding_still(*each))
    assert main(["predict", str(model), str(file), "--explain", "--json", "--save-annotated", str(page)]) == 0
    told = json.loads(capsys.readouterr().out)
    carries = told["explanation"]
    assert len(asked) == len(carries["joints"]) + len(carries["limbs"])  # once for the page and the answer
    assert carries["limbs"][0]["loss"] == pytest.approx(alone.found[0][1].explanation.limbs[0].loss, abs=1e-4)
    assert (carries["label"], carries["probability"]) == (
        told["top"][0]["label"],
        pytest.approx(told["top"][0]["probability"], abs=1e-5),
    )
    assert len(carries["joints"]) == 24
    assert len(carries["stretches"]) == 8
    assert carries["stretches"][-1]["last_frame"] == told["frames"] - 1
    assert carries["limbs"][0]["joints"][0] in ("ShoulderLeft", "ShoulderRight")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(), re.S)[1])
    assert {"carries-joint", "carries-limb"} < {layer["key"] for layer in data["layers"]}
    assert len(data["decision"]["stretches"]) == 8
    assert "when a limb holds still: Shoulder" in data["decision"]["words"][0]
    assert dict(data["facts"])["file"] == str(file)
    assert "explanation" not in predict(model, [file]).found[0][1].to_dict()
    shown = str(predict(model, [file], save_annotated=tmp_path / "film.gif"))
    assert shown.splitlines()[-1] == f"written to {tmp_path / 'film.gif'}"
    assert (tmp_path / "film.gif").read_bytes().startswith(b"GIF89a")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--save-annotated", "a.html", "asked"], "shows one recording, and asked holds 24; give one"),
        (["--save-annotated", "a.html", "asked", "asked"], "shows one recording, and 2 are given"),
        (["--save-annotated", "a.png", "asked"], "pages are written as .html, films as .gif or .mp4"),
        (["--csv", "--explain", "asked"], "--csv has no room for what --explain tells; give --json"),
        (["--csv", "--top", "3", "asked"], "--csv tells the likeliest class alone; leave --top out"),
        (["--follow", "--explain", "-"], "--explain looks at whole recordings"),
    ],
)
def test_explanations_that_cannot_be_are_refused(words, said, ground, model, monkeypatch, capsys):
    monkeypatch.chdir(ground)
    assert main(["predict", str(model), *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(ground.glob("a.*"))


def test_signs_of_a_name_are_no_formula(ground, model, tmp_path):
    (file, *_) = sorted((ground / "asked" / "clapping").iterdir())
    (tmp_path / "=1+1").mkdir()
    shutil.copy(file, tmp_path / "=1+1")
    with contextlib.chdir(tmp_path):
        found = predict(model, ["=1+1"], csv=True)
    ((name, one),) = found.found
    found.found[0] = (name, replace(one, prime_joints=(PrimeJoint("=A1", 0, 3),)))
    (row,) = csv.DictReader(io.StringIO(str(found)))
    assert row["file"] == f"'=1+1/{file.name}"
    assert row["prime_joints"] == "'=A1"
    assert 0 < float(row["probability"]) <= 1


def test_a_class_name_too_long_is_told_of_the_file(model, tmp_path, capsys):
    body = {"positions": np.zeros((2, 25, 3)).tolist()}
    table = {"topology": "ntu-25", "fps": 30, "label": "x" * 3000, "bodies": [body]}
    (tmp_path / "long.json").write_text(json.dumps(table))
    assert main(["predict", str(model), str(tmp_path / "long.json")]) == 2
    error = capsys.readouterr().err
    assert "long.json: the length of label is 3,000" in error
    assert "skelact-" not in error


def test_sigterm_leaves_no_copies_of_recordings(ground, model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = signal.getsignal(signal.SIGTERM)

    def killed(*_, **__):
        assert list(tmp_path.rglob("joints.bin"))  # a copy is there
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(skelact.recognition.prediction, "predict_store", killed)
    assert main(["predict", str(model), str(ground / "asked" / "clapping")]) == 143
    assert capsys.readouterr().err == "skelact: stopped\n"
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) == before


def test_one_object_a_recording(ground, model, capsys):
    (file, *_) = sorted((ground / "asked" / "clapping").iterdir())
    assert main(["predict", str(model), str(file), "--json", "--top", "2"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert set(table) >= {"file", "top", "unfamiliar", "prime_joints", "people"}
    assert table["file"] == str(file)
    assert [set(each) for each in table["top"]] == [{"label", "probability"}] * 2
    assert table["unfamiliar"] in (True, False)
    for joint in table["prime_joints"]:
        assert set(joint) == {"joint", "first_frame", "last_frame"}
        assert 0 <= joint["first_frame"] <= joint["last_frame"] < table["frames"]
    (person,) = table["people"]
    assert person["top"] == table["top"]


def test_a_bad_file_is_told_and_the_others_go_on(ground, model, tmp_path, capsys):
    good = [str(path) for path in sorted((ground / "asked" / "hopping").iterdir())[:2]]
    (tmp_path / "bad.json").write_text('{"bodies": [')
    (tmp_path / "folder").mkdir()
    shutil.copy(good[0], tmp_path / "folder")
    (tmp_path / "folder" / "S001C001P001R001A001.skeleton").write_text("nothing")
    (tmp_path / "folder" / "notes.md").write_text("read me")
    bad = [str(tmp_path / "bad.json"), str(tmp_path / "missing.json")]
    words = ["predict", str(model), good[0], *bad, str(tmp_path / "folder"), good[1]]
    assert main([*words, "--csv"]) == 2
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(out)))
    name = good[0].rpartition("/")[2]
    assert [row["file"] for row in rows if not row["person"]] == [
        good[0],
        str(tmp_path / "folder" / name),
        good[1],
    ]
    said = err.splitlines()
    assert [line.startswith(f"skelact: {each}") for line, each in zip(said, bad, strict=False)] == [
        True,
        True,
    ]
    assert len(said) == 3
    assert f"{tmp_path / 'folder' / 'S001C001P001R001A001.skeleton'}: " in said[2]
    assert main([*words[:3], "--json", "--csv"]) == 2
    assert main(["predict", str(model), bad[0]]) == 2


def pose(positions, **more):
    bodies = [{"positions": one.round(4).tolist()} for one in positions]
    return {"topology": "ntu-25", "fps": 30, "bodies": bodies, **more}


def test_pose_json_on_the_standard_input(ground, model, capsys, monkeypatch):
    store = skelact.prepare("auto", ground / "asked", ground / "asked-store", workers=1)
    one = store.sequence(0)

    def ask(text):
        class Input:
            buffer = io.BytesIO(text.encode())

        monkeypatch.setattr(sys, "stdin", Input)
        return main(["predict", str(model), "-", "--json", "--top", "9"])

    assert ask(json.dumps(pose(one.positions[:1]))) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["file"] == "-"
    direct = skelact.load(model).predict(one.positions[:1], fps=30, top=9)
    assert {each["label"]: each["probability"] for each in table["top"]} == pytest.approx(
        {guess.label: guess.probability for guess in direct.top}, abs=0.02
    )
    for text in ("", "[]", '{"bodies": 3}', json.dumps(pose(one.positions[:1], topology="stick"))):
        assert ask(text) == 2
        out, err = capsys.readouterr()
        assert not out
        (said,) = err.splitlines()
        assert said.startswith("skelact: -: ")
        assert "/tmp" not in said
        assert bool(text) != ("nothing came on the standard input" in said)


def test_arrays_in_all_shapes(ground, model):
    asked = skelact.load(model)
    assert asked.classes == sorted(ACTIONS.values())
    walk = np.random.default_rng(0).normal(0, 0.3, (40, 25, 3))
    single = asked.predict(walk)
    assert single.label in asked.classes
    assert single.num_frames == 40
    assert len(single.people) == 1
    hole = walk.copy()
    hole[3:9, 4] = np.nan
    assert asked.predict(hole).prime_joints
    assert asked.predict(walk[:1]).prime_joints == ()
    several = asked.predict([walk, walk[:5]])
    assert [one.num_frames for one in several] == [40, 5]
    assert several[0].top[0].probability == pytest.approx(single.top[0].probability)
    with pytest.warns(match="more people than clips hold"):
        crowd = asked.predict(np.stack([walk + number for number in range(20)]))
    assert len(crowd.people) == 20
    for wrong in (walk[:, :20], np.full((9, 25, 3), np.nan), walk[..., :2]):
        with pytest.raises(DataError):
            asked.predict(wrong)
    for ask in (lambda: asked.predict(walk, top=0), lambda: asked.stream(top=0)):
        with pytest.raises(ConfigurationError, match=r"^top is 0; expected 1 class or more"):
            ask()
    with pytest.raises(ConfigurationError, match=r"^--top is -1; expected 1 class or more"):
        predict(model, [ground / "asked"], top=-1)


def test_features_in_bfloat16_are_told_apart_in_float32(model):
    walk = np.random.default_rng(0).normal(0, 0.02, (80, 25, 3)).cumsum(0).astype(np.float32)
    exact = skelact.load(model).predict(walk)
    with torch.autocast("cpu", torch.bfloat16):
        rough = skelact.load(model).predict(walk)
    assert rough.top[0].label == exact.top[0].label
    assert rough.top[0].probability == pytest.approx(exact.top[0].probability, abs=0.1)


def test_each_of_two_people_is_told_as_if_alone(ground, model):
    asked, store = skelact.load(model), skelact.prepare("auto", ground / "asked", ground / "two", workers=1)
    walker, other = (store.sequence(index) for index in (0, len(store) - 1))
    length = min(walker.num_frames, other.num_frames)
    both = np.stack([walker.positions[0, :length], other.positions[0, :length] + 1])
    found = asked.predict(both)
    for person, positions in zip(found.people, both, strict=True):
        alone = asked.predict(positions)
        assert person.label == alone.label
        assert person.probability == pytest.approx(alone.probability, abs=1e-4)
        assert person.prime_joints == alone.prime_joints


def test_a_store_can_be_asked_and_people_are_listed(store_path, model, capsys):
    assert main(["predict", str(model), str(store_path)]) == 0
    assert re.search(r"person 2: \w+", capsys.readouterr().out)


def test_one_recording_of_a_store_and_a_store_elsewhere(store_path, model, tmp_path, capsys, monkeypatch):
    pytest.importorskip("fsspec")
    asked, page = f"{store_path}:3", tmp_path / "page.html"
    name = skelact.Store.open(store_path).names[3]
    assert main(["predict", str(model), asked, "--json", "--save-annotated", str(page)]) == 0
    one = json.loads(capsys.readouterr().out)
    every = {each.recording: each for _, each in predict(model, [store_path]).found}
    assert (one["file"], one["recording"], one["fps"]) == (asked, name, every[name].fps)
    assert [each["joint"] for each in one["prime_joints"]] == [
        each.joint for each in every[name].prime_joints
    ]
    shares = [guess["probability"] for guess in one["top"]]
    assert shares == pytest.approx([guess.probability for guess in every[name].top], abs=1e-5)
    facts = dict(json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(), re.S)[1])["facts"])
    assert (facts["data set"], facts["file"]) == ("ntu60", asked)
    assert "class" in facts
    assert main(["predict", str(model), f"{store_path}:{name}x"]) == 2
    assert f"no sequence '{name}x' (did you mean '{name}'?)" in capsys.readouterr().err
    monkeypatch.setenv("SKELACT_CACHE", str(tmp_path / "cache"))
    address = f"local://{store_path}"
    assert {each.recording for _, each in predict(model, [address]).found} == {*every}
    assert {file for file, _ in predict(model, [address]).found} == {address}


def test_an_encoder_alone_says_what_to_do(tiny_run, capsys):
    assert main(["predict", str(tiny_run), "nothing.json"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "knows no classes; teach it some: skelact teach FOLDER --from" in said


def test_names_in_wide_letters_stand_in_columns(model, store_path, tmp_path, capsys):
    names = (tmp_path / "\u6325\u624b.json", tmp_path / "wave.json")
    one = pose(skelact.Store.open(store_path).sequence(0).positions[:1])
    for name in names:
        name.write_text(json.dumps(one))
    assert main(["predict", str(model), *map(str, names)]) == 0
    wide, _, narrow, _ = capsys.readouterr().out.splitlines()
    guess = wide.split("  ", 1)[1]
    assert narrow.endswith(guess)
    assert wide.index(guess) + 2 == narrow.index(guess)  # two letters take two columns each


def test_files_of_one_name_are_told_once_by_their_paths_in_order(model, tmp_path, store_path, capsys):
    one = json.dumps(pose(skelact.Store.open(store_path).sequence(0).positions[:1]))
    files = [f"{kind}/{person}/0.json" for kind in ("bow", "wave") for person in ("p0", "p1")]
    for name in files:
        (tmp_path / "asked" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "asked" / name).write_text(one)
    assert main(["predict", str(model), str(tmp_path / "asked"), "--top", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()[::2]
    assert [line.split("  ")[0] for line in lines] == [str(tmp_path / "asked" / name) for name in files]
    assert main(["predict", str(model), str(tmp_path / "asked"), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["recording"] for row in rows] == [name.removesuffix(".json") for name in files]


def test_other_skeletons_are_converted_or_refused(model, store_path, tmp_path, capsys):
    main(["data", "convert", str(store_path), str(tmp_path / "kinect"), "--topology", "kinect-20"])
    main(["data", "convert", str(store_path), str(tmp_path / "flat"), "--topology", "coco-17"])
    capsys.readouterr()
    found = predict(model, [tmp_path / "kinect"])
    assert not found.problems
    assert {joint.joint for _, one in found.found for joint in one.prime_joints} <= set(
        skelact.Store.open(tmp_path / "kinect").topology.joints
    )
    assert [note for note in found.notes if "were brought from kinect-20" in note and "ThumbLeft" in note]
    capsys.readouterr()
    assert main(["predict", str(model), str(tmp_path / "kinect"), "--json"]) == 0
    assert capsys.readouterr().err.count(f"note: {tmp_path / 'kinect'}: skeletons were brought from") == 1
    flat = pose(np.zeros((1, 4, 17, 2)) + np.arange(17)[:, None])
    (tmp_path / "flat.json").write_text(json.dumps({**flat, "topology": "coco-17"}))
    assert main(["predict", str(model), str(tmp_path / "flat.json")]) == 2
    remedy = "teach a model with 2-D recordings: skelact teach FOLDER --out MODEL"
    assert f"2-D positions, the encoder knows 3-D ones; {remedy}\n" in capsys.readouterr().err
    (tmp_path / "a b").mkdir()
    for given in ("a b", "flat.json"):
        assert main(["predict", str(tmp_path / given), str(model)]) == 2
        told = f"is one; the model comes first: skelact predict {model} {shlex.quote(str(tmp_path / given))}"
        assert capsys.readouterr().err.endswith(f"{told}\n")


@pytest.mark.slow
def test_five_examples_a_class_of_msr_action3d_and_other_people(shared_data_dir, tmp_path):
    """An encoder that learned without labels from the training people; five recordings a class of these."""
    names = skelact.prepare(
        "msr-action3d", shared_data_dir / "msr_action3d.tar.xz", tmp_path / "msr", workers=1
    ).class_names
    few = {"size": "tiny", "epochs": 30, "training": {"workers": 0, "tensorboard": False}, "quiet": True}
    clips = {"view": "body", "min_crop_frames": 16}
    run = skelact.pretrain(tmp_path / "msr", "xsub", out=tmp_path / "run", method="mamp", clips=clips, **few)
    counts = dict.fromkeys(range(20), 0)
    with tarfile.open(shared_data_dir / "msr_action3d.tar.xz") as archive:
        for member in archive.getmembers():
            found = re.search(r"a(\d\d)_s(\d\d)_e\d\d\w*\.txt$", member.name)
            if found is None:
                continue
            action, subject = int(found[1]) - 1, int(found[2])
            is_taught = subject % 2 == 1 and counts[action] < 5
            if subject % 2 == 1 and not is_taught:
                continue
            counts[action] += is_taught
            place = tmp_path / ("gestures" if is_taught else "asked") / names[action]
            place.mkdir(parents=True, exist_ok=True)
            (place / found[0]).write_bytes(archive.extractfile(member).read())
    made = skelact.teach(tmp_path / "gestures", out=tmp_path / "model", from_=run)
    assert made.card["recognition"]["num_examples"] == [5] * 20
    asked = predict(made.path, [tmp_path / "asked"])
    assert not asked.problems
    right = np.mean([Path(file).parent.name == one.label for file, one in asked.found])
    assert right > 0.4
    low, high = (made.card["recognition"]["accuracy"][end] for end in ("low", "high"))
    assert low - 0.1 < right < high + 0.1
    confidence = np.mean([one.probability for _, one in asked.found])
    assert confidence == pytest.approx(right, abs=0.15)
    assert np.mean([one.unfamiliar for _, one in asked.found]) < 0.15


def test_one_recording_loads_nothing_that_trains(ground, model):
    """What a cold start must not wait for."""
    (file, *_) = sorted((ground / "asked" / "clapping").iterdir())
    code = f"import sys; from skelact.cli.main import main; main(['predict', {str(model)!r}, {str(file)!r}])"
    ended = subprocess.run(
        [sys.executable, "-c", f"{code}; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    loaded = set(ended.stdout.split())
    assert "skelact.recognition.recogniser" in loaded
    heavy = {"lightning_fabric", "torch._dynamo", "scipy.optimize", "sklearn", "matplotlib", "tensorboard"}
    assert not heavy & loaded
