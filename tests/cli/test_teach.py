"""Teaching a model classes of one's own, and the package that it goes into."""

import json
import re
import shutil
from contextlib import suppress

import numpy as np
import pytest
import torch

import skelact
from class_folders import in_class_folders
from faults.mutations import flips, json_edits
from skelact.api.reading import readable
from skelact.cli.main import main
from skelact.clips.source import ClipSource
from skelact.errors import DataError, SkelactError, SkelactWarning
from skelact.locks import FolderLock
from skelact.models.pretrained import load_pretrained
from skelact.models.shipped import UNIVERSAL
from skelact.models.tensor_file import read_tensors, write_tensors
from skelact.recognition.description import Preparation
from skelact.recognition.package import page
from skelact.recognition.recogniser import read_recogniser

ACTIONS = {"A010": "clapping", "A023": "hand waving", "A026": "hopping"}


@pytest.fixture(scope="module")
def gestures(tmp_path_factory):
    return in_class_folders(tmp_path_factory.mktemp("teach") / "gestures", 24, ACTIONS, seed=1)


@pytest.fixture(scope="module")
def taught(gestures, tiny_run):
    return skelact.teach(gestures, out=gestures.parent / "model", from_=tiny_run)


def test_the_account_tells_classes_candidates_and_why(gestures, tiny_run, tmp_path, capsys):
    words = ["teach", str(gestures), "--from", str(tiny_run), "--out", str(tmp_path / "model")]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"recordings  {gestures}: 24 used; ntu-25, 3-D"
    for name in ACTIONS.values():
        assert any(re.fullmatch(rf"  {name} +8 +\d of 8", line) for line in lines), name
    assert any(re.match(r"compared    \d folds by subject", line) for line in lines)
    rows = [line for line in lines if re.search(r"\d %  \(\d+\.\d to \d+\.\d\)", line)]
    assert [row.split(",")[0].strip() for row in rows] == ["nearest neighbours", "linear layer"]
    shares = [float(re.search(r"(\d+\.\d) %", row)[1]) for row in rows]
    (chosen,) = [share for share, row in zip(shares, rows, strict=True) if row.endswith("<- chosen")]
    assert chosen == max(shares) > 60
    (why,) = [line.rpartition(": ")[2] for line in lines if line.startswith("chosen ")]
    assert why == ("of equals the simplest" if shares.count(chosen) > 1 else "it recognised most")
    page = (tmp_path / "model" / "model-card.md").read_text()
    assert "the best of several ways to classify" in page
    (calibrated,) = [line for line in lines if line.startswith("calibrated ")]
    assert ("they are not calibrated" in page) == ("does not help" in calibrated)
    assert main(words) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_overwriting_spares_runs_and_what_it_is_made_of(taught, gestures, tiny_run, tmp_path, capsys):
    model, run = tmp_path / "model", tmp_path / "run"
    shutil.copytree(taught.path, model)
    shutil.copytree(tiny_run, run)
    (run / "model-card.md").touch()  # its config.yaml and checkpoints stay all the same
    (tmp_path / "gestures").symlink_to(gestures)
    inside = tmp_path / "gestures" / "clapping" / "model"
    teach = ["teach", str(gestures), "--from", str(run), "--out"]
    package = ["package", str(taught.path)]
    for words, reason in (
        ([*teach, str(run)], "run: holds checkpoints, which no package does"),
        ([*package, str(run)], "run: holds checkpoints, which no package does"),
        (["package", str(model), str(model)], "model: lies in RUN"),
        ([*teach[:2], "--from", str(model), "--out", str(model)], "model: lies in --from"),
        ([*teach, str(inside)], "clapping/model: lies in RECORDINGS"),
        ([*package, str(gestures)], "exists already and is no package"),
    ):
        assert main([*words, "--overwrite"]) == 2, words
        assert reason in capsys.readouterr().err
    assert (run / "config.yaml").is_file()
    assert main([*package, str(model), "--overwrite"]) == 0
    (model / "notes.txt").touch()
    assert main([*package, str(model), "--overwrite"]) == 2
    assert "model: holds notes.txt" in capsys.readouterr().err


def test_the_package_opens_without_the_run_and_nothing_is_hidden_in_it(taught, gestures, tiny_run, tmp_path):
    shutil.copytree(taught.path, tmp_path / "elsewhere")
    names = {path.name for path in (tmp_path / "elsewhere").iterdir()}
    assert names == {"card.json", "model-card.md", "weights.safetensors"}
    card = json.loads((tmp_path / "elsewhere" / "card.json").read_text())
    assert card["recognition"]["class_names"] == sorted(ACTIONS.values())
    assert card["recognition"]["accuracy"]["share"] == taught.accuracy
    assert card["versions"]["skelact"] == skelact.__version__
    own, run = load_pretrained(tmp_path / "elsewhere"), load_pretrained(tiny_run)
    for name, value in run.encoder.state_dict().items():
        assert torch.equal(own.encoder.state_dict()[name], value)
    page = (tmp_path / "elsewhere" / "model-card.md").read_text()
    for word in (*ACTIONS.values(), "95 % interval", "ntu-25", card["checksum"]):
        assert word in page
    again = skelact.teach(gestures, out=tmp_path / "again", from_=tmp_path / "elsewhere")
    assert again.accuracy == taught.accuracy


@pytest.mark.parametrize("name", ["card.json", "weights.safetensors"])
def test_damage_of_each_file_is_told(taught, tmp_path, name):
    shutil.copytree(taught.path, tmp_path / "model")
    path, whole = tmp_path / "model" / name, (taught.path / name).read_bytes()
    edits = flips(whole, 40, 3) if name.endswith("s") else json_edits(json.loads(whole), 40, 3)
    damaged = [
        data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass") for _, data in edits
    ]
    for data in [*damaged, whole[:-20], b""]:
        path.write_bytes(data)
        with suppress(ValueError, RecursionError):
            if json.loads(data) == json.loads(whole):
                continue
        with pytest.raises(DataError, match=re.escape(str(tmp_path / "model"))):
            skelact.load(tmp_path / "model")


def test_the_page_shows_names_as_they_are(taught):
    card = json.loads((taught.path / "card.json").read_text())
    card["recognition"]["class_names"][0] = "[a](http://b.example) <img src=x> | *c*: d"
    assert r"| \[a\](http\://b.example) \<img src=x\> \| \*c\*: d | 8 |" in page(card)


def test_files_of_two_packages_do_not_mix(taught, gestures, tiny_run, tmp_path):
    skelact.teach(gestures, out=tmp_path / "other", from_=tiny_run, false_alarms=0.2)
    shutil.copy(taught.path / "weights.safetensors", tmp_path / "other")
    with pytest.raises(DataError, match=r"not the weights of the card\.json beside it"):
        skelact.load(tmp_path / "other")


@pytest.mark.parametrize("change", ["examples", "labels", "layer", "classes"])
def test_tensors_that_do_not_fit_the_card_are_told(taught, tmp_path, change):
    shutil.copytree(taught.path, tmp_path / "model")
    path = tmp_path / "model" / "weights.safetensors"
    file = read_tensors(path, "")
    tensors = dict(file.tensors)
    tensors["linear.weight"], tensors["linear.bias"] = torch.zeros(4, 2), torch.zeros(3)
    if change == "examples":
        tensors["neighbours.points"][3, 1] = torch.nan
    if change == "labels":
        tensors["neighbours.labels"][0] = 7
    write_tensors(path, tensors, file.about)
    pretrained = load_pretrained(tmp_path / "model")
    pretrained.card["recognition"]["classifier"] = "finetune" if change == "classes" else "linear"
    with pytest.raises(DataError):
        read_recogniser(tmp_path / "model", pretrained)


STICK = {
    "name": "stick",
    "joints": ["hips", "head", "hand_left", "hand_right"],
    "parents": {"head": "hips", "hand_left": "head", "hand_right": "head"},
    "pairs": [["hand_left", "hand_right"]],
}


def pose(folder, name, positions, topology="ntu-25"):
    """Write a pose-JSON recording."""
    folder.mkdir(parents=True, exist_ok=True)
    table = {"topology": topology, "bodies": [{"positions": positions}]}
    (folder / f"{name}.json").write_text(json.dumps(table))


def frames(seed, num_joints=25):
    return np.random.default_rng(seed).normal(0, 0.3, (12, num_joints, 3)).round(3).tolist()


def test_classes_may_have_names_with_signs_that_are_not_printed(tiny_run, tmp_path):
    names = ["wave", "rest", "s\u200bit"]
    for number, name in enumerate(names):
        (tmp_path / "gestures" / name).mkdir(parents=True)
        for each in range(2):
            pose(tmp_path / "gestures" / name, f"{number}-{each}", frames(10 * number + each), "ntu-25")
    made = skelact.teach(tmp_path / "gestures", out=tmp_path / "model", from_=tiny_run)
    assert "note        nothing tells which axis is up" in made.text
    assert "--up of 'skelact data prepare' says it\n" in made.text
    assert made.text.count("skelact data prepare") == 1, "no hint where no option is named"
    window = f"'predict --follow' will look at {made.model.stream().window:.1f} s at a time"
    assert f"note        no recording tells its frame rate, so {window}; write it into" in made.text
    assert sorted(made.model.classes) == ["rest", r"s\u200bit", "wave"]
    # what teaching said of the axis that is up is no news
    assert skelact.predict(made.model, [tmp_path / "gestures" / "wave" / "0-0.json"]).notes == []


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "the folder is empty"),
        ({"wave": 3}, "no class in 3 recordings that can be used"),
        ({"wave": 1, "rest": 1}, "one recording of every class; give two or more"),
        ({"wave": 2, "Wave": 2}, "two classes of one name but for capital letters"),
        ({"wave": 2, "wave ": 2}, "'wave ' and 'wave': two classes of one name but"),
        ({"caf\u00e9": 2, "cafe\u0301": 2}, "two classes of one name but .* how accents are kept"),
        ({"wave": 2, "rest": 2, "sit": 0}, r"sit: no recording in it can be used"),
        ({"wave": 2, "rest": 2, "": 1}, "lies in no sub-folder"),
        ({"Train": 2, "test": 2}, "folders are called Train and test, as sides of a split are, .*/Train, or"),
        ({"wave": 2, "rest": 2}, "stick skeletons have 4 of the 25 joints .*skelact pretrain --data"),
        (
            {"wave": 2, "rest": 2},
            "2-D positions, the encoder knows 3-D ones; take .* as universal-2d",
        ),
    ],
)
def test_folders_that_cannot_teach_are_told_in_one_line(files, message, tiny_run, tmp_path, capsys):
    (tmp_path / "gestures").mkdir()
    for number, (name, count) in enumerate(files.items()):
        (tmp_path / "gestures" / name).mkdir(exist_ok=True)
        for each in range(count):
            positions = frames(10 * number + each, 4 if "stick" in message else 25)
            if "2-D" in message:
                positions = np.asarray(positions)[..., :2].tolist()
            topology = STICK if "stick" in message else "ntu-25"
            pose(tmp_path / "gestures" / name, f"{name}-{each}", positions, topology)
    words = ["teach", tmp_path / "gestures", "--from", tiny_run, "--out", tmp_path / "model"]
    assert main([str(word) for word in words]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert re.search(message, said), said
    assert str(tmp_path / "gestures") in said
    assert not (tmp_path / "model").exists()


def test_messages_name_what_was_given_and_no_scratch_folder(tmp_path):
    for name in ("wave", "rest"):
        pose(tmp_path / "gestures" / name, name, np.zeros((12, 25, 3)).tolist())
    model = skelact.load(UNIVERSAL).pretrained
    with readable(model, tmp_path / "gestures", class_folders=True, as_recorded=True) as found:
        with pytest.warns(SkelactWarning, match=f"^{tmp_path / 'gestures'}: view body: 2 of 2"):
            ClipSource(found.store, model.clips).test(np.arange(2))
        assert found.store.path != tmp_path / "gestures"


def test_recordings_are_measured_as_those_that_taught(tmp_path):
    model = skelact.load(UNIVERSAL).pretrained
    names = [f"{joint}_{axis}" for joint in model.topology.joints for axis in "xyz"]
    lines = [[n / 30, *(np.ravel(body) + 3)] for n, body in enumerate(frames(0))]
    rows = [["time", *names], *lines]
    (tmp_path / "a.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    options = {"resample": 10.0, "centre": False, "unit": "cm"}
    taught = skelact.prepare("csv", tmp_path / "a.csv", tmp_path / "store", **options)
    before = Preparation("csv", dict(taught.meta["options"]), taught.up, taught.unit)
    with readable(model, tmp_path / "a.csv", as_before=before) as found:
        assert found.recorded.fps == 10
        np.testing.assert_array_equal(found.recorded.positions(0), taught.positions(0))


def test_what_cannot_be_used_is_counted_and_a_class_of_one_recording_is_not_tested(
    gestures, tiny_run, tmp_path, capsys
):
    folder = tmp_path / "gestures"
    shutil.copytree(gestures, folder)
    for file in sorted((folder / "hopping").iterdir())[1:]:
        file.unlink()
    (folder / "clapping" / "S001C001P001R001A099.skeleton").write_text("no frames")
    words = ["teach", str(folder), "--from", str(tiny_run), "--out", str(tmp_path / "model")]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert re.search(r"left out    clapping/S001C001P001R001A099", out)
    assert re.search(r"hopping +1 +not tested", out)
    assert "(5.88 % false alarms, the fewest that 16 tested recordings can promise)" in out
    assert len(skelact.load(tmp_path / "model").classes) == 3


def test_of_copies_it_cannot_be_told_what_is_unfamiliar(tiny_run, tmp_path):
    for number, name in enumerate(("wave", "rest", "sit")):
        for each in range(4):
            pose(tmp_path / "gestures" / name, f"{name}-{each}", frames(number))
    made = skelact.teach(tmp_path / "gestures", out=tmp_path / "model", from_=tiny_run)
    assert made.card["recognition"]["threshold"] is None
    assert "unfamiliar  cannot be told, for the recordings are copies of each other" in str(made)
    assert skelact.load(tmp_path / "model").predict(np.array(frames(0))).unfamiliar is None


def test_weights_are_read_once(taught, gestures, tiny_run, tmp_path, monkeypatch):
    read = []

    def counted(path, remedy):
        read.append(path)
        return read_tensors(path, remedy)

    monkeypatch.setattr("skelact.models.pretrained.read_tensors", counted)
    skelact.package(taught.path, tmp_path / "model")
    skelact.package(tiny_run, tmp_path / "encoder")
    skelact.predict(taught.path, [gestures / "hopping"])
    assert read == [folder / "weights.safetensors" for folder in (taught.path, tiny_run, taught.path)]


@pytest.mark.parametrize("around", ["", "gestures"])
def test_an_archive_of_class_folders(gestures, taught, tiny_run, tmp_path, around):
    shutil.make_archive(str(tmp_path / "all"), "zip", gestures.parent if around else gestures, around or None)
    made = skelact.teach(tmp_path / "all.zip", out=tmp_path / "model", from_=tiny_run)
    assert made.card["recognition"]["class_names"] == sorted(ACTIONS.values())
    assert made.accuracy == taught.accuracy


def test_a_store_of_another_skeleton_is_converted(store_path, tiny_run, tmp_path):
    main(["data", "convert", str(store_path), str(tmp_path / "kinect"), "--topology", "kinect-20"])
    made = skelact.teach(tmp_path / "kinect", out=tmp_path / "model", from_=tiny_run)
    assert "brought from kinect-20 to ntu-25" in str(made)
    assert "29 without a recording are never recognised" in str(made)
    model = skelact.load(tmp_path / "model")
    assert model.topology.name == "ntu-25"
    assert len(model.classes) == 31
    assert len(model.predict(np.random.default_rng(0).normal(size=(20, 25, 3)), top=99).top) == 31
    assert "# A model that knows 31 classes" in (tmp_path / "model" / "model-card.md").read_text()


def test_folders_go_before_the_numbers_of_classes_that_files_tell(tmp_path):
    frames = [{"frame_index": number, "skeleton": []} for number in range(1, 11)]
    for number, folder in enumerate(("wave", "jump")):
        (tmp_path / "all" / folder).mkdir(parents=True)
        for each in range(2):
            places = np.random.default_rng([number, each]).uniform(0.2, 0.8, 36).tolist()
            people = [{"pose": places, "score": [0.9] * 18}]
            content = {
                "data": [{**frame, "skeleton": people} for frame in frames],
                "label": "x",
                "label_index": 0,
            }
            (tmp_path / "all" / folder / f"{folder}{each}.json").write_text(json.dumps(content))
    made = skelact.teach(tmp_path / "all", out=tmp_path / "model")
    assert made.card["recognition"]["class_names"] == ["jump", "wave"]


@pytest.mark.parametrize("labelled", [False, True])
def test_a_store_of_class_folders_teaches_the_same_classes(labelled, tiny_run, tmp_path):
    """By folders, or, where the files tell several, by those."""
    kinds = ("wave", "rest")
    for number, name in enumerate(kinds):
        for each in range(4):
            pose(tmp_path / "all" / name, f"take{each}", frames(10 * number + each))
            if labelled:
                path = tmp_path / "all" / name / f"take{each}.json"
                path.write_text(json.dumps({**json.loads(path.read_text()), "label": "ab"[each % 2]}))
    store = skelact.prepare("auto", tmp_path / "all", tmp_path / "store", workers=1)
    made = [
        skelact.teach(given, out=tmp_path / f"{number}", from_=tiny_run)
        for number, given in enumerate((tmp_path / "all", store))
    ]
    assert made[0].model.classes == made[1].model.classes == (["a", "b"] if labelled else sorted(kinds))
    told = (
        "note        classes are those that the files tell, not the folders rest, wave; a manifest.csv with"
    )
    assert (told in made[0].text) == labelled
    assert made[0].accuracy == made[1].accuracy


def test_a_store_without_classes_says_where_they_come_from(tiny_run, tmp_path):
    for each in range(4):
        pose(tmp_path / "all", f"take{each}", frames(each))
    store = skelact.prepare("auto", tmp_path / "all", tmp_path / "store", workers=1)
    with pytest.raises(
        DataError, match=r"sub-folder of its own, or .* in a manifest.csv, and prepare them again"
    ):
        skelact.teach(store, out=tmp_path / "model", from_=tiny_run)


def test_labels_of_a_manifest_go_before_folders(gestures, tiny_run, tmp_path):
    """The recordings of two folders, whose classes a table names otherwise."""
    lines = ["file,label"]
    for number, kind in enumerate(["raise", "swing"]):
        for each in range(4):
            steps = np.linspace(0, 3, 20)
            positions = np.tile(np.array([[0, 0, 3], [0, 0.6, 3], [0.4, 0.3, 3], [-0.4, 0.3, 3]]), (20, 1, 1))
            positions[:, 2 + number, 1] += np.sin(steps + each)
            pose(tmp_path / "all" / ("a" if each < 2 else "b"), f"{kind}-{each}", positions.tolist(), STICK)
            lines.append(f"{kind}-{each},{kind}")
    (tmp_path / "all" / "manifest.csv").write_text("\n".join(lines))
    run = tmp_path / "run"
    store = skelact.prepare("auto", tmp_path / "all", tmp_path / "store", workers=1)
    few = {"size": "tiny", "epochs": 1, "training": {"workers": 0, "tensorboard": False}, "quiet": True}
    skelact.pretrain(store, out=run, method="mae", **few)
    made = skelact.teach(tmp_path / "all", out=tmp_path / "model", from_=run)
    assert made.card["recognition"]["class_names"] == ["raise", "swing"]
    assert made.card["recognition"]["preparation"]["data_set"] == "pose-json"


def test_of_two_people_it_is_also_tried_who_does_what(tiny_run, tmp_path):
    pairs = {"A050": "punching", "A055": "hugging"}
    in_class_folders(tmp_path / "pairs", 16, pairs, seed=1)
    made = skelact.teach(tmp_path / "pairs", out=tmp_path / "model", from_=tiny_run)
    candidates = made.card["recognition"]["candidates"]
    assert "nearest neighbours, moments of joints, people apart" in [each["name"] for each in candidates]
    counts = re.findall(r"^  (?:punching|hugging) +8 +(\d) of (\d)", str(made), re.MULTILINE)
    right, tested = np.array(counts, int).sum(0)
    assert tested == 16
    assert made.accuracy == right / tested == max(each["share"] for each in candidates)
    found = skelact.predict(tmp_path / "model", [tmp_path / "pairs" / "hugging"])
    assert {len(one.people) for _, one in found.found} == {2}


def test_fine_tuning_is_one_more_candidate(gestures, tiny_run, tmp_path):
    folder = tmp_path / "few"
    for name in ("clapping", "hopping"):
        shutil.copytree(gestures / name, folder / name)
    made = skelact.teach(folder, out=tmp_path / "model", from_=tiny_run, finetune=True, epochs=1)
    candidates = made.card["recognition"]["candidates"]
    assert [each["name"] for each in candidates][-1] == "fine-tuned"
    assert made.accuracy == max(each["share"] for each in candidates)
    with pytest.raises(SkelactError, match="--epochs is of the fine-tuning"):
        skelact.teach(folder, out=tmp_path / "other", from_=tiny_run, epochs=1)


def test_a_fine_tuned_model_is_packed_with_its_own_encoder(gestures, tiny_run, tmp_path, monkeypatch):
    monkeypatch.setattr("skelact.recognition.lesson.best_of", lambda candidates: candidates[-1])
    made = skelact.teach(gestures, out=tmp_path / "model", from_=tiny_run, finetune=True, epochs=2)
    assert made.card["recognition"]["classifier"] == "finetune"
    shutil.copytree(made.path, tmp_path / "elsewhere")
    found = skelact.predict(tmp_path / "elsewhere", [gestures / "hopping"])
    assert len(found.found) == 8
    assert {one.unfamiliar for _, one in found.found} <= {True, False}
    weights = load_pretrained(made.path).encoder.state_dict()
    before = load_pretrained(tiny_run).encoder.state_dict()
    assert any(not torch.equal(value, before[name]) for name, value in weights.items())
    assert skelact.package(made.path, tmp_path / "again").card["recognition"] == made.card["recognition"]


def test_a_run_becomes_a_package(store_path, tiny_run, tmp_path, capsys):
    assert main(["package", str(tiny_run), str(tmp_path / "encoder")]) == 0
    assert "none; teach it some" in capsys.readouterr().out
    assert skelact.load(tmp_path / "encoder").classes == []
    words = ["--data", str(store_path), "--method", "mamp", "--size", "tiny", "--out", str(tmp_path / "next")]
    for needs_more in (
        ["pretrain", *words, "--init", str(tmp_path / "encoder")],
        ["weights", "export", str(tmp_path / "encoder"), str(tmp_path / "a.pth")],
    ):
        assert main(needs_more) == 2
        assert "a package, which keeps the encoder of a pre-training alone; give" in capsys.readouterr().err
    assert not (tmp_path / "next").exists()
    shown = skelact.view(f"{store_path}:0", model=tmp_path / "encoder")
    assert "is a package, which keeps the encoder alone" in shown.page
    run = tmp_path / "run"
    few = {"epochs": 1, "hidden_width": 8, "training": {"tensorboard": False}}
    tuned = skelact.evaluate("finetune", tiny_run, store_path, "xsub", out=run, **few)
    made = skelact.package(run, tmp_path / "model")
    assert made.accuracy == tuned.top1
    assert "the test side of xsub of ntu60" in (tmp_path / "model" / "model-card.md").read_text()
    assert len(skelact.load(tmp_path / "model").classes) == 60
    assert len(skelact.load(run).classes) == 60


def test_a_link_stays_to_the_new_package(tiny_run, tmp_path):
    real, link, partial = tmp_path / "real", tmp_path / "link", tmp_path / "link.partial"
    skelact.package(tiny_run, real)
    old = real.stat().st_ino
    link.symlink_to(real)
    assert skelact.package(tiny_run, link, overwrite=True).path.samefile(link)
    assert link.is_symlink()
    assert real.stat().st_ino != old
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]
    link.unlink()
    partial.mkdir()
    (partial / "package").symlink_to(real)  # as earlier versions left it
    skelact.package(tiny_run, link)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_a_package_is_there_whole_whatever_became_of_who_wrote_it_before(tiny_run, tmp_path):
    out, partial = tmp_path / "model", tmp_path / "model.partial"
    (partial / "package").mkdir(parents=True)
    (partial / "package" / "weights.safetensors").write_text("the first half")  # killed while it wrote
    skelact.package(tiny_run, out)
    whole = {path.name: path.read_bytes() for path in out.iterdir()}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    partial.mkdir()
    out.rename(partial / "replaced")  # killed between the two renames of an overwriting
    with pytest.raises(DataError, match="exists already"):
        skelact.package(tiny_run, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == whole
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    lock = FolderLock(partial, DataError)
    with pytest.raises(DataError, match="is writing this package; wait for it"):
        skelact.package(tiny_run, tmp_path / "model", overwrite=True)
    lock.release()
