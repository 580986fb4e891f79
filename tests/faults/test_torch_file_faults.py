"""Checkpoints that are damaged, dangerous, or something else."""

import io
import os
import pickle
import pickletools
import zipfile

import numpy as np
import pytest
import torch
from numpy._core.multiarray import scalar

from faults.mutations import IN_PLACE, flips, in_place_of
from skelact.compat.mamp_export import published_decoder, published_encoder
from skelact.compat.published_weights import import_weights, load_initial_weights
from skelact.compat.torch_file import STATE_DICT_KEYS, _load, read_torch_file
from skelact.errors import DataError
from skelact.models.sizes import DecoderConfig, EncoderConfig
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.masked.objective import MaskedObjective
from skelact.skeleton.tables import NTU_25


class Intruder:
    """Runs a command when it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


class Forged:
    """Claims to be a number of a type that has none."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return scalar, self.arguments


@pytest.fixture
def parameters():
    """Return the parameters of a small model of 8 heads under their published names."""
    model = MaskedModel(
        EncoderConfig(25, 3, 8, 4, 16, 2), DecoderConfig(16, 1), MaskedObjective(masking="uniform")
    )
    return {**published_encoder(model.encoder), **published_decoder(model.decoder)}


@pytest.fixture
def write(tmp_path):
    def save(content, **options):
        path = tmp_path / "file.pth"
        torch.save(content, path, **options)
        return path

    return save


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", ["beside", "inside", "alone"])
def test_a_file_that_would_run_code_is_refused_and_runs_none(write, parameters, tmp_path, place, zipped):
    trace = tmp_path / "it-ran"
    content = {
        "beside": {"model": parameters, "args": Intruder(trace)},
        "inside": {"model": {**parameters, "norm.weight": Intruder(trace)}},
        "alone": Intruder(trace),
    }[place]
    path = write(content, _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match=r"refused, for it names (posix|nt)\.mkdir"):
        read_torch_file(path)
    assert not trace.exists()
    torch.load(path, weights_only=False)
    assert trace.exists(), "the file is as dangerous as it is meant to be"


def test_a_class_of_ones_own_is_refused_by_name(write, parameters):
    path = write({"model": parameters, "extra": NTU_25})
    with pytest.raises(DataError, match=r"it names skelact.skeleton.topology.Topology"):
        read_torch_file(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_file_is_said_to_be_damaged(write, parameters, share, zipped):
    path = write({"model": parameters}, _use_new_zipfile_serialization=zipped)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(DataError, match=r"file\.pth: not a whole file of torch\.save"):
        read_torch_file(path)


@pytest.mark.parametrize("content", [b"hello", b"PK\x03\x04", pickle.dumps({"a": 1}), bytes(1000)])
def test_something_else_is_no_checkpoint(tmp_path, content):
    path = tmp_path / "file.pth"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"not a whole file of torch\.save"):
        read_torch_file(path)


def test_a_file_that_is_not_there_or_a_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none.pth: cannot be read \(No such file or directory\)"):
        load_initial_weights(str(tmp_path / "none.pth"))
    with pytest.raises(DataError, match=r"a folder, expected a file"):
        read_torch_file(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a list, expected parameters by name"),
        (torch.zeros(3), "holds a Tensor, expected"),
        ({}, "no parameters in it.*it holds nothing"),
        ({"model": {}, "epoch": 3}, "no parameters in it"),
        ({"epoch": 3, 4: 5}, "it holds epoch, 4"),
    ],
)
def test_a_file_without_parameters_says_what_it_holds(write, content, message):
    with pytest.raises(DataError, match=message):
        read_torch_file(write(content))


def test_parameters_are_found_in_every_nest(write, parameters):
    for key in STATE_DICT_KEYS:
        for content in ({key: parameters}, {"epoch": 3, key: {"state_dict": parameters}}):
            assert read_torch_file(write(content)).parameters.keys() == parameters.keys()


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "encoder_q.", "module.encoder_q.model."])
def test_what_all_names_begin_with_is_taken_off(write, parameters, prefix):
    wrapped = {prefix + name: value for name, value in parameters.items()}
    assert read_torch_file(write({"state_dict": wrapped})).parameters.keys() == parameters.keys()
    others = {name.replace("encoder_q.", "encoder_k."): value for name, value in wrapped.items()}
    found = read_torch_file(write({"state_dict": {**others, **wrapped, "queue": torch.zeros(3)}})).parameters
    assert found.keys() - {"queue"} == parameters.keys()
    assert ("queue" in found) == (not prefix)


def test_names_of_which_some_begin_alike_stay(write, parameters):
    content = {**parameters, "model.extra": torch.zeros(1)}
    assert read_torch_file(write(content)).parameters.keys() == content.keys()
    one = {"model.weight": torch.zeros(1)}
    assert read_torch_file(write(one)).parameters.keys() == one.keys()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "number",
    [np.float64(0.5), np.float32(-2.5), np.int64(-7), np.uint8(200), np.bool_(True), np.float16(1.5)],
)
def test_numbers_of_numpy_beside_the_parameters_do_not_matter(write, parameters, number, zipped):
    content = {"model": parameters, "best": number, "num_heads": np.int64(4)}
    path = write(content, _use_new_zipfile_serialization=zipped)
    assert read_torch_file(path).num_heads == 4
    with path.open("rb") as file:
        found = _load(path, file)["best"]
    assert found == number
    assert type(found) is type(number.item())


def test_a_number_that_is_none_is_refused(write, parameters):
    pointer = np.zeros(1, object)[0:1].astype("O")
    with pytest.raises(DataError, match=r"refused, for it names numpy|not a whole file"):
        read_torch_file(write({"model": parameters, "best": pointer}))
    forged = Forged(np.dtype("O"), b"\x08" * 8)  # would be taken for an address
    with pytest.raises(DataError, match="not a whole file"):
        read_torch_file(write({"model": parameters, "best": forged}))


def test_names_are_shown_escaped_in_one_line(write):
    path = write({"model": {f"\x1b[31mk{number}\n": torch.zeros(1) for number in range(3)}})
    with pytest.raises(DataError, match="no parameter 'joints_embed") as caught:
        import_weights(path, path.with_name("run"), NTU_25)
    assert str(caught.value).isprintable()
    with pytest.raises(DataError, match="no parameters in it") as caught:
        read_torch_file(write({"\x1b[2J": 3}))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("norm.weight", None, "no parameter 'norm.weight'"),
        ("decoder_blocks.0.attn.qkv.bias", None, "no parameter 'decoder_blocks.0.attn.qkv.bias'"),
        ("joints_embed.proj.weight", None, "is it a MAMP or STJD-MP checkpoint"),
        ("norm.weight", torch.full((16,), float("nan")), "norm.weight holds NaN or infinity"),
        ("pos_embed", torch.full((1, 1, 25, 16), float("inf")), "pos_embed holds NaN or infinity"),
        ("norm.weight", "text", "norm.weight is no array"),
        ("norm.weight", torch.ones(16, dtype=torch.int64), "norm.weight is no array"),
        ("norm.weight", torch.ones(16).to_sparse(), "norm.weight is no array"),
        ("norm.weight", torch.ones(1).expand(10**12), "norm.weight is no array"),
        ("norm.weight", torch.ones(17), "shape"),
        ("pos_embed", torch.ones(25, 16), r"pos_embed has shape \(25, 16\), expected 4 axes"),
        ("temp_embed", torch.ones(1, 0, 1, 16), "none of them empty"),
        ("mask_token", torch.ones(3), "mask_token has shape"),
        ("blocks.7.norm1.weight", torch.ones(16), "blocks.2 is missing"),
        ("decoder_blocks.0.mlp.fc1.weight", torch.ones(32, 16), "decoder|expected"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(write, parameters, tmp_path, name, value, message):
    changed = {key: kept for key, kept in parameters.items() if key != name}
    path = write({"model": changed if value is None else {**changed, name: value}})
    for read in (
        lambda: load_initial_weights(str(path)),
        lambda: import_weights(path, tmp_path / "run", NTU_25),
    ):
        with pytest.raises(DataError, match=message) as caught:
            read()
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("stated", [0, -1, "8", True, [8]])
def test_a_senseless_number_of_heads_is_refused(write, parameters, stated):
    with pytest.raises(DataError, match=r"num_heads is .*, expected a positive number"):
        read_torch_file(write({"model": parameters, "num_heads": stated}))


def test_heads_that_do_not_divide_the_width_lead_to_the_option(write, parameters, tmp_path):
    with pytest.raises(DataError, match=r"width 16 is not a multiple of num_heads 3; .*--num-heads"):
        import_weights(write({"model": parameters}), tmp_path / "run", NTU_25, num_heads=3)


@pytest.mark.parametrize("what", [name for name in IN_PLACE if name != "a link to /dev/full"])
def test_only_files_are_read(tmp_path, what):
    in_place_of(tmp_path / "file.pth", what)
    for read in (
        read_torch_file,
        lambda path: load_initial_weights(str(path)),
        lambda path: import_weights(path, tmp_path / "run", NTU_25),
    ):
        with pytest.raises(DataError, match=r"file\.pth: "):
            read(tmp_path / "file.pth")


def test_parts_that_are_compressed_are_refused(tmp_path, write, parameters):
    """Two megabytes of such a file would be two gigabytes in memory."""
    path = write({"model": {**parameters, "more": torch.zeros(1 << 20)}})
    with (
        zipfile.ZipFile(path) as whole,
        zipfile.ZipFile(tmp_path / "small.pth", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in whole.namelist():
            new.writestr(name, whole.read(name))
    assert (tmp_path / "small.pth").stat().st_size < 200_000
    with pytest.raises(DataError, match=r"small\.pth: refused, for it holds compressed parts"):
        read_torch_file(tmp_path / "small.pth")


def test_a_file_larger_than_the_limit_is_refused(write, parameters, monkeypatch):
    monkeypatch.setenv("SKELACT_LIMITS", "weights=20KB")
    with pytest.raises(DataError, match=r"--limit weights="):
        read_torch_file(write({"model": parameters}))


def _legacy(content):
    """Return a file as PyTorch wrote it before it wrote archives, with another pickle for its content."""
    data = io.BytesIO()
    torch.save({}, data, _use_new_zipfile_serialization=False)
    parts, file = [], io.BytesIO(data.getvalue())
    for _ in range(5):
        start = file.tell()
        pickletools.dis(file, out=io.StringIO())
        parts.append(data.getvalue()[start : file.tell()])
    return b"".join([*parts[:3], content, *parts[4:]])


def _archive(tmp_path, content):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", content)
        file.writestr("archive/version", "3\n")
    return path.read_bytes()


HASH_BOMB = b"\x80\x02}" + b")" + b"q\x00h\x00\x86" * 60 + b"K\x01s."
BYTES = b"\x80\x02cbuiltins\nbytearray\n\x8a\x06\x00\x00\x00\x00\x00\x10\x85R."
MUCH = b"\x80\x02}X\x01\x00\x00\x00actorch\nTensor\nJ\x00\x00\x00\x10\x85Rs."


@pytest.mark.parametrize("kind", ["archive", "legacy"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HASH_BOMB, "tuples in tuples"),
        (BYTES, "byte arrays of any length|names builtins.bytearray"),
        (MUCH, "have more bytes than the file|not a whole file"),
    ],
)
def test_a_pickle_without_bound_is_refused(tmp_path, kind, content, message):
    path = tmp_path / "file.pth"
    path.write_bytes(_legacy(content) if kind == "legacy" else _archive(tmp_path, content))
    with pytest.raises(DataError, match=message):
        read_torch_file(path)


@pytest.mark.parametrize("zipped", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_every_damage_is_one_line(write, parameters, zipped, record_property):
    path = write({"model": parameters, "epoch": 3}, _use_new_zipfile_serialization=zipped)
    data, count = path.read_bytes(), 0
    for _, changed in flips(data, 300, seed=4):
        path.write_bytes(changed)
        count += 1
        try:  # bits of a number can flip unseen: published files have no hash
            load_initial_weights(str(path))
        except DataError as error:
            assert str(error).isprintable()  # noqa: PT017
            assert str(path) in str(error)  # noqa: PT017
    record_property("fuzz_cases", count)


def test_the_encoder_that_learns_is_taken_where_a_momentum_encoder_stands_beside_it(write):
    first, kinds = "joints_embed.proj.weight", {"encoder_q": 1.0, "encoder_k": 2.0}
    parameters = {f"module.{name}.{first}": torch.full((2,), value) for name, value in kinds.items()}
    found = read_torch_file(write({"state_dict": {**parameters, "module.queue": torch.zeros(3)}})).parameters
    assert list(found) == [first]
    assert found[first].tolist() == [1.0, 1.0]
