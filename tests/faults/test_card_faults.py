"""Cards that are damaged or made up: one line that names the file, or a model; never a traceback."""

import json
import warnings
from dataclasses import asdict

import pytest
import torch

import skelact
from faults.mutations import IN_PLACE, in_place_of, json_edits
from skelact.api.model import Model
from skelact.cli.main import main
from skelact.configuration import instantiate
from skelact.errors import ConfigurationError, DataError, SkelactError
from skelact.files import write_json
from skelact.models.card import CARD, read_card, read_sizes
from skelact.models.encoder import SkeletonEncoder
from skelact.models.pretrained import WEIGHTS, load_pretrained, model_card
from skelact.models.tensor_file import write_tensors
from skelact.pretraining.identity import card_identity, card_seeds, encoder_identity, with_identity
from skelact.pretraining.methods import family_of_card, find_method
from skelact.skeleton.tables import NTU_25


def write_run(folder, name):
    """Write weights and card of a model as a finished run of the method leaves them, untrained."""
    method = find_method(name)
    own = {"data": ["store"], "protocol": ["xsub"]}
    config = instantiate(method.family.settings, method.settings("tiny", own))
    encoder = config.model.encoder(25, 3, config.clips.num_frames)
    objective = getattr(config, method.family.objective)
    model = method.family.model(encoder, config.model, objective, NTU_25, "joint")
    start = {"sha256": "0" * 64, "parts": ["encoder"], "of": {"method": "mamp", "seeds": [0]}}
    about = {
        "method": name,
        "config": json.loads(json.dumps(asdict(config))),
        "init_weights": start,
        "data_set": "ntu60",
        "data_hash": "0" * 64,
        "num_training_sequences": 3,
    }
    write_tensors(folder / WEIGHTS, model.state_dict())
    write_json(folder / CARD, model_card(model.encoder, NTU_25, config.clips, with_identity(about)))


def use(folder):
    """Do all that is done with a card."""
    card = load_pretrained(folder).card
    card_identity(card), card_seeds(card)
    encoder_identity(card, True), encoder_identity(card, False)
    without = {key: value for key, value in card.items() if key not in ("identity", "seeds")}
    card_identity(without), card_seeds(without)
    model = Model(folder)
    assert repr(model)
    assert str(model)
    family_of_card(card).load(folder)


@pytest.mark.parametrize("method", ["stjd-mp", pytest.param("stjd-cl", marks=pytest.mark.slow)])
def test_edited_cards_are_told_in_one_line(tmp_path, method, record_property):
    write_run(tmp_path, method)
    use(tmp_path)
    card = json.loads((tmp_path / CARD).read_text())
    refused, count = 0, 1200
    for number, (what, text) in enumerate(json_edits(card, count, seed=5)):
        (tmp_path / CARD).write_text(text)
        try:
            if number % 8 == 0:
                use(tmp_path)
            else:  # all but the building of models, which takes ten times as long
                edited = read_card(tmp_path / CARD)
                read_sizes(tmp_path / CARD, edited)
                card_identity(edited), card_seeds(edited)
        except DataError as error:
            refused += 1
            where, said = str(tmp_path), str(error)
        except Exception as error:
            raise AssertionError(what) from error
        else:
            continue
        assert where in said, what
        assert "\n" not in said, what
        assert len(said) < 1500, what
    assert refused > count // 2
    record_property("fuzz_cases", count)


@pytest.mark.parametrize("what", [name for name in IN_PLACE if name != "a link to /dev/full"])
@pytest.mark.parametrize("name", [CARD, WEIGHTS])
def test_what_is_no_file_is_told(tmp_path, name, what):
    write_run(tmp_path, "mamp")
    in_place_of(tmp_path / name, what)
    with pytest.raises(DataError, match=str(tmp_path)):
        load_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("encoder.width", 10**9, "--limit parameters="),
        ("encoder.width", 8000, "the card says .* numbers or more, but weights.safetensors holds"),
        ("encoder.depth", 10**6, "--limit blocks="),
        ("encoder.depth", 2.5, "encoder: depth: expected int, got float"),
        ("encoder.mlp_ratio", ".nan", "encoder.mlp_ratio is nan"),
        ("encoder.num_frames", 10**8, "--limit clip_frames="),
        ("encoder.kind", "lstm", "nothing known of 'lstm'"),
        ("encoder.more", 1, "encoder has an unknown key 'more'"),
        ("clips.num_frames", 10**8, "--limit clip_frames="),
        ("clips.stream", None, "clips: stream: expected str, got null"),
        ("method", None, "method: expected str, got null"),
        ("config", [], "config: expected object, got array"),
        ("data_set", 3, "data_set: expected str, got int"),
        ("config.training", None, "config.training: expected object, got null"),
        ("init_weights.of.of", 3, None),
        ("topology.joints", ["a"] * 2000, "--limit joints="),
        ("something.new", 3, None),
    ],
)
def test_values_that_cannot_be_are_named(tmp_path, place, value, words):
    write_run(tmp_path, "mamp")
    card = json.loads((tmp_path / CARD).read_text())
    *outer, name = place.split(".")
    table = card
    for key in outer:
        table = table.setdefault(key, {})
    table[name] = value
    (tmp_path / CARD).write_text(json.dumps(card))
    if words is None:
        use(tmp_path)
        return
    with pytest.raises(DataError, match=words) as caught:
        use(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / CARD}: ")


def test_the_command_says_it_in_one_line(tmp_path, capsys):
    write_run(tmp_path, "mamp")
    card = tmp_path / CARD
    words = ["weights", "export", tmp_path, tmp_path / "out.pth"]
    for text in ("[" * 100_000, card.read_text().replace('"width": 32', '"width": 1e12'), "\x00", "{}"):
        card.write_text(text)
        assert main([str(word) for word in words]) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert said.startswith(f"skelact: {card}: ")


def test_a_flipped_bit_in_weights_is_refused(tmp_path):
    write_run(tmp_path, "mamp")
    data = bytearray((tmp_path / WEIGHTS).read_bytes())
    data[-100] ^= 4
    (tmp_path / WEIGHTS).write_bytes(data)
    with pytest.raises(DataError, match=r"weights\.safetensors: damaged .*; train the model again"):
        load_pretrained(tmp_path)


@pytest.mark.parametrize("run", [3, None, b"run", ["run"], object(), "a\x00b", ""])
def test_a_run_is_a_folder(run):
    with pytest.raises(SkelactError):
        skelact.load(run)


def test_positions_beyond_float32_are_refused_with_their_place(tmp_path):
    write_run(tmp_path, "mamp")
    model = skelact.load(tmp_path)
    positions = torch.randn(20, 25, 3).numpy()
    assert model.embed(positions).shape == (1, model.encoder.config.width)
    for value in (1e20, -1e7, 1e300, float("inf")):
        wild = positions.astype("f8")
        wild[7, 3, 1] = value
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(DataError, match=r"recording 1: body 0, frame 7, joint 3 \(.*\)"):
                model.embed([positions, wild])
    positions[3, 2] = float("nan")
    assert torch.tensor(model.embed(positions)).isfinite().all()


def test_sizes_are_counted_before_anything_is_made():
    for method in ("mamp", "stjd-mp", "stjd-cl", "moco"):
        family = find_method(method).family
        own = {"data": ["store"], "protocol": ["xsub"]}
        config = instantiate(family.settings, find_method(method).settings("tiny", own))
        encoder = config.model.encoder(25, 3, config.clips.num_frames)
        objective = getattr(config, family.objective)
        model = family.model(encoder, config.model, objective, NTU_25, "joint")
        made = sum(value.numel() for value in model.state_dict().values())
        counted = family.num_parameters(encoder, config.model, objective)
        assert made // 4 < counted <= made, method
        of_encoder = sum(parameter.numel() for parameter in model.encoder.parameters())
        if isinstance(model.encoder, SkeletonEncoder):
            assert encoder.num_parameters == of_encoder
        assert of_encoder // 4 < encoder.num_parameters <= of_encoder
    with pytest.raises(ConfigurationError, match="--limit parameters="):
        config.model.encoder(25, 3, 120).__class__(channels=(10**6,), strides=(1,))
