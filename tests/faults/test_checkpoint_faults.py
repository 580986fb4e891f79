"""Checkpoints that are damaged, made up, or of another run: passed over with a warning, or refused."""

import json
import shutil
import warnings

import pytest
import torch
from torch import nn

from faults.mutations import flips, in_place_of, json_edits
from skelact.errors import DataError, SkelactWarning
from skelact.models.tensor_file import read_tensors, write_tensors
from skelact.training.checkpoints import Progress, Sums, load_newest_checkpoint, save_checkpoint
from skelact.training.config import TrainingConfig
from skelact.training.optimisers import build_optimiser


def trained(kind="adamw", width=4):
    """Return a model and its optimiser after a step."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, width), nn.Linear(width, 1))
    optimiser = build_optimiser(model, TrainingConfig(optimiser=kind))
    model(torch.ones(2, 3)).sum().backward()
    optimiser.step()
    return model, optimiser


@pytest.fixture(params=["adamw", "sgd"])
def checkpoints(tmp_path, request):
    """Return a folder with the checkpoints of steps 1 and 2, the model and the optimiser."""
    model, optimiser = trained(request.param)
    for step in (1, 2):
        save_checkpoint(tmp_path, model, optimiser, Progress(step, Sums(0.5, 0.1, 1)), keep=2)
    return tmp_path, model, optimiser


def load_or_say(folder, model, optimiser):
    """Return the step that a run goes on from, and the warnings; or what it was refused with."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            step = load_newest_checkpoint(folder, model, optimiser).step
        except DataError as error:
            return str(error)
    assert all(issubclass(each.category, SkelactWarning) for each in said)
    return step, [str(each.message) for each in said]


def test_flipped_bits_are_passed_over_with_a_warning(checkpoints, record_property):
    folder, model, optimiser = checkpoints
    newest = folder / "step-000000002.safetensors"
    before = {name: value.clone() for name, value in model.state_dict().items()}
    data, count = newest.read_bytes(), 0
    for what, changed in flips(data, 400, seed=1):
        if changed == data:
            continue
        newest.write_bytes(changed)
        found = load_or_say(folder, model, optimiser)
        assert found[0] == 1, what
        assert found[1][0].startswith(f"{newest}: "), what
        assert found[1][0].endswith("taking the checkpoint before it"), what
        count += 1
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    record_property("fuzz_cases", count)


@pytest.mark.parametrize(
    "what",
    ["a folder", "a pipe", "a link to nothing", "a link to /dev/zero", "a sparse file of 3 TB", "NULs"],
)
def test_what_is_no_file_is_passed_over(tmp_path, what):
    model, optimiser = trained()
    for step in (1, 2):
        save_checkpoint(tmp_path, model, optimiser, Progress(step), keep=2)
    in_place_of(tmp_path / "step-000000002.safetensors", what)
    step, said = load_or_say(tmp_path, model, optimiser)
    assert step == 1
    assert len(said) == 1
    assert save_checkpoint(tmp_path, model, optimiser, Progress(3), keep=1).is_file()


def test_made_up_progress_is_passed_over(tmp_path, record_property):
    """With a digest that fits, as no damage but somebody would make it."""
    model, optimiser = trained()
    for step in (1, 2):
        path = save_checkpoint(tmp_path, model, optimiser, Progress(step, Sums(0.5, 0.1, 1)), keep=2)
    file = read_tensors(path, "")
    count = 0
    for what, text in json_edits(file.about, 600, seed=2):
        try:
            about = json.loads(text)
            write_tensors(path, file.tensors, about if isinstance(about, dict) else {"step": about})
        except (ValueError, TypeError, RecursionError, DataError, UnicodeEncodeError):
            continue
        count += 1
        found = load_or_say(tmp_path, model, optimiser)
        assert isinstance(found[0], int), what
        assert found[0] >= 0, what
    write_tensors(path, file.tensors, {**file.about, "step": -3})
    step, said = load_or_say(tmp_path, model, optimiser)
    assert step == 1
    assert "step: expected int >= 0" in said[0]
    record_property("fuzz_cases", count)


def _changes(kind):
    entry = "exp_avg" if kind == "adamw" else "momentum_buffer"
    yield f"optimiser/0/{entry}", torch.zeros(1), "has shape"
    yield f"optimiser/0/{entry}", torch.zeros(4, 3, dtype=torch.int8), "holds torch.int8"
    yield f"optimiser/0/{entry}", None, "is missing" if kind == "adamw" else None
    yield f"optimiser/99/{entry}", torch.zeros(1), "is not among"
    yield "optimiser/x", torch.zeros(1), "is not among"
    yield "optimiser/0/extra/one", torch.zeros(1), "is not among"
    yield "model/0.weight", torch.zeros(1), "has shape"
    yield "model/0.weight", None, "is missing"
    yield "model/more", torch.zeros(1), "is not among"
    yield "other", torch.zeros(1), "holds more"


def test_tensors_of_another_model_are_refused_before_they_are_loaded(checkpoints):
    folder, model, optimiser = checkpoints
    newest = folder / "step-000000002.safetensors"
    file = read_tensors(newest, "")
    kind = "sgd" if isinstance(optimiser, torch.optim.SGD) else "adamw"
    for name, value, words in _changes(kind):
        changed = {key: each for key, each in file.tensors.items() if key != name}
        write_tensors(newest, changed if value is None else {**changed, name: value}, file.about)
        found = load_or_say(folder, model, optimiser)
        if words is None:  # a parameter that never had a gradient has no moments
            assert found == (2, [])
        else:
            assert f"{newest}: belongs to another model" in found
            assert words in found


def test_a_checkpoint_of_an_earlier_version_is_gone_on_from(checkpoints):
    from safetensors.torch import save_file

    folder, model, optimiser = checkpoints
    newest = folder / "step-000000002.safetensors"
    file = read_tensors(newest, "")
    save_file(dict(file.tensors), newest, {"progress": json.dumps(file.about)})
    assert load_or_say(folder, model, optimiser) == (2, [])
    shutil.copy(newest, folder / "step-000000003.safetensors")
    with torch.no_grad():
        assert load_newest_checkpoint(folder, model, optimiser).sums == Sums(0.5, 0.1, 1)
