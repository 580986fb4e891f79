"""Every mistake on the command line is one line with the remedy, status 2, and no traceback."""

import json
import re
import shutil

import pytest
from safetensors.torch import load_file, save_file

from skelact.cli.main import main
from skelact.store.prepare import prepare
from skelact.synthetic import write_data_set

FILES = {
    "bad": "trainig: {epochs: 3}",
    "word": "training: {lr: fast}",
    "kept": "training: {keep_checkpoints: 3}",
    "number": "data: 3",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a raw data set, a store of it and a finished tiny run."""
    folder = tmp_path_factory.mktemp("place")
    write_data_set(folder / "raw", sequences=62, seed=1)
    prepare("ntu60", folder / "raw", folder / "store", num_workers=1)
    arguments = ["--data", str(folder / "store"), "--protocol", "xsub", "--size", "tiny", "--epochs", "1"]
    assert (
        main(["pretrain", *arguments, "--training.tensorboard", "false", "--out", str(folder / "run")]) == 0
    )
    (folder / "empty").mkdir()
    for name, text in FILES.items():
        (folder / f"{name}.yaml").write_text(text + "\n")
    return folder


def complaint(capsys, place, command):
    """Run ``command`` with {place} filled in; check that it failed as it should; return what it said."""
    assert main([word.replace("{place}", str(place)) for word in command.split()]) == 2
    said = capsys.readouterr().err
    lines = [line for line in said.splitlines() if line.startswith("skelact: ")]
    assert len(lines) == 1
    assert "Traceback" not in said
    return lines[0]


PRETRAIN = "pretrain --data {place}/store --protocol xsub --size tiny --out {place}/new"
LINEAR = "evaluate linear --run {place}/run --data {place}/store --protocol xsub"
CASES = {
    "data prepare ntu61 {place}/raw {place}/out": "did you mean 'ntu60'",
    "data prepare ntu60 {place}/missing {place}/out": "missing",
    "data prepare ntu60 {place}/empty {place}/out": "empty",
    "data prepare msr-action3d {place}/raw {place}/out": "no recording of msr-action3d",
    "data prepare ntu60 {place}/raw {place}/store": "exists already",
    "data prepare ntu60 {place}/raw {place}/out --workers 0": "--workers is 0",
    "data prepare ntu60 {place}/raw": "required",
    "data info {place}/raw": "not a store",
    "data verify {place}/missing": "there is no such folder",
    "data synth {place}/raw2 --sequences -1": "expected 1 to",
    "data synth {place}/raw": "not empty",
    "dtaa prepare": "no command 'dtaa prepare'",
    "evaluate lin": "no command 'evaluate lin'",
    "--no-browser view {place}/store": "--no-browser: options stand behind the command, as in skelact view -",
    "--help-all nothing": "as in skelact COMMAND --help-all",
    "pretrain --protocol xsub --out {place}/new": "--data is missing",
    "pretrain --data {place}/store --protocol all --out {place}/run": "exists already",
    PRETRAIN.replace("xsub", "xsup"): "did you mean 'xsub'",
    PRETRAIN.replace("xsub", "xset"): "no protocol 'xset'",
    PRETRAIN.replace("{place}/store", "{place}/raw"): "not a store",
    PRETRAIN.replace("tiny", "tyni"): "did you mean 'tiny'",
    PRETRAIN.replace("{place}/new", "{place}/run"): "exists already",
    f"{PRETRAIN} --mixing equl": "did you mean 'equal'",
    f"{PRETRAIN} --data {{place}}/store --protocol xsub --protocol xview": "3 protocols for 2 stores",
    f"{PRETRAIN} --method stjdmp": "did you mean 'stjd-mp'",
    f"{PRETRAIN} --epochs -3": "training.epochs is -3",
    f"{PRETRAIN} --epochs many": "epochs",
    f"{PRETRAIN} --seed -1": "training.seed is -1",
    f"{PRETRAIN} --objective.mask_ratio 1.0": "inside (0, 1)",
    f"{PRETRAIN} --objective.mask_ratio 0": "inside (0, 1)",
    f"{PRETRAIN} --objective.mask_ratio 0.999": "leaves 0 of 100 tokens visible",
    f"{PRETRAIN} --objective.tau 0": "number other than zero",
    f"{PRETRAIN} --model.width -8": "encoder.width is -8",
    f"{PRETRAIN} --model.patch_frames 5": "not a multiple of patch_frames 5",
    f"{PRETRAIN} --clips.num_frames 0": "num_frames=0",
    f"{PRETRAIN} --clips.stream bones": "did you mean 'bone'",
    f"{PRETRAIN} --training.optimiser adam": "training.optimiser",
    f"{PRETRAIN} --training.epoch 3": "did you mean --training.epochs",
    f"{PRETRAIN} --config {{place}}/bad.yaml": "unknown key 'trainig' (did you mean 'training'?)",
    f"{PRETRAIN} --config {{place}}/word.yaml": "training.lr",
    "pretrain --protocol xsub --out {place}/new --config {place}/number.yaml": "expected a name or a list",
    f"{PRETRAIN} --config {{place}}/no.yaml": "cannot be read",
    f"{PRETRAIN} --resume": "holds no run to resume",
    PRETRAIN.replace("{place}/new", "{place}/run") + " --resume --epochs 2": "training.epochs = 1, not 2",
    LINEAR.replace("{place}/run", "{place}/nothing"): "no such folder",
    LINEAR.replace("{place}/run", "{place}/empty"): "holds no finished model",
    LINEAR.replace("xsub", "xsubject"): "did you mean 'xsub'",
    f"{LINEAR} --config {{place}}/word.yaml": "training.lr",
    f"{LINEAR} --config {{place}}/kept.yaml": "--training.keep_checkpoints",
    f"{LINEAR} --training.batch_size 0": "training.batch_size is 0",
    "evaluate knn --run {place}/run --data {place}/store --protocol xsub --k [1000]": "k=1000",
    "evaluate knn --run {place}/run --data {place}/store --protocol xsub --tau 0": "tau=0",
    "demo --out {place}/raw": "holds no demo",
    "demo --out {place}/d --seeds 0": "--seeds is 0",
}


@pytest.mark.parametrize("command", CASES)
def test_a_mistake_is_answered_with_its_remedy(command, place, capsys):
    before = sorted(path.name for path in place.iterdir())
    assert CASES[command] in complaint(capsys, place, command)
    assert sorted(path.name for path in place.iterdir()) == before, "a failed command leaves nothing behind"


def test_a_checkpoint_of_another_topology_is_refused(place, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    for name in ("card.json", "weights.safetensors"):
        shutil.copy(place / "run" / name, tmp_path / "run")
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    card["topology"]["joints"][0] = "Tail"
    (tmp_path / "run" / "card.json").write_text(json.dumps(card))
    command = LINEAR.replace("{place}/run", str(tmp_path / "run"))
    assert "the model was trained on" in complaint(capsys, place, command)


@pytest.mark.parametrize(("key", "value"), [("num_frames", 64), ("width", 64), ("num_joints", 20)])
def test_a_checkpoint_of_another_length_or_size_is_refused(place, tmp_path, capsys, key, value):
    (tmp_path / "run").mkdir()
    shutil.copy(place / "run" / "weights.safetensors", tmp_path / "run")
    card = json.loads((place / "run" / "card.json").read_text())
    card["encoder"][key] = value
    (tmp_path / "run" / "card.json").write_text(json.dumps(card))
    assert "the card says" in complaint(capsys, place, LINEAR.replace("{place}/run", str(tmp_path / "run")))


def test_a_checkpoint_without_an_encoder_is_refused(place, tmp_path, capsys):
    command = LINEAR.replace("{place}/run", str(tmp_path / "run"))
    shutil.copytree(place / "run", tmp_path / "run")
    tensors = load_file(tmp_path / "run" / "weights.safetensors")
    others = {name: value for name, value in tensors.items() if not name.startswith("encoder.")}
    assert others, "a masked method also has a decoder"
    for kept, message in (
        (others, "holds no encoder"),
        (
            {name: value for name, value in tensors.items() if name != "encoder.embed.weight"},
            "the encoder's 'embed.weight' is mis",
        ),
    ):
        save_file(kept, tmp_path / "run" / "weights.safetensors")
        said = complaint(capsys, place, command)
        assert f"weights.safetensors: {message}" in said
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    del card["encoder"]
    (tmp_path / "run" / "card.json").write_text(json.dumps(card))
    assert "card.json: says nothing of an encoder" in complaint(capsys, place, command)


@pytest.mark.parametrize(
    ("name", "problem"),
    [("card.json", r"line 7, column 4: not JSON"), ("weights.safetensors", "unreadable")],
)
def test_a_damaged_model_is_refused(place, tmp_path, capsys, name, problem):
    shutil.copytree(place / "run", tmp_path / "run")
    path = tmp_path / "run" / name
    path.write_bytes(path.read_bytes()[:100])
    said = complaint(capsys, place, LINEAR.replace("{place}/run", str(tmp_path / "run")))
    assert re.search(rf"{re.escape(name)}: {problem} \(.*\); train the model again", said)
