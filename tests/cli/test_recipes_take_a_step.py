"""Every recipe trains: each pre-training and each evaluation of each suite takes one step on its format."""

import zlib
from collections import defaultdict
from importlib.resources import files

import numpy as np
import pytest

from skelact.cli.main import main
from skelact.formats.known import find_data_set
from skelact.formats.protocol import FOLDS, Protocol
from skelact.pretraining.methods import CONTRASTIVE, MASKED, find_method
from skelact.reproduction.cells import cells_of_suite
from skelact.reproduction.commands import Workspace, evaluate_arguments, pretrain_arguments
from skelact.reproduction.pending import check_stores
from skelact.reproduction.suite_files import read_suite
from skelact.skeleton.sequence import SkeletonSequence
from skelact.store.protocols import protocols_of
from skelact.store.writer import StoreWriter

NUM_TRAIN, NUM_TEST = 200, 4  # 1 % of the labels is a sequence for each of the two classes that occur
OF_THE_DATA = {
    "pku1": [Protocol("xsub", "subject", (1,), (2,))],
    "pku2": [Protocol("xsub", "subject", (1,), (2,))],
}
TINY_MODEL = [
    "--clips.num_frames",
    "16",
    "--model.patch_frames",
    "8",
    "--model.width",
    "16",
    "--model.depth",
    "1",
]
TINY_MODEL += ["--model.num_heads", "2"]
TINY_DECODER = ["--model.decoder_width", "16", "--model.decoder_depth", "1"]
TINY_CONTRAST = ["--clips.num_frames", "16", "--contrast.bank", str(2 * NUM_TRAIN)]
TINY_BACKBONE = {
    "st-gcn": ["--model.st_gcn.channels", "[8,8]", "--model.st_gcn.strides", "[1,2]"],
    "transformer": ["--model.transformer.patch_frames", "8", "--model.transformer.width", "16"],
}
ONE_STEP = ["--training.epochs", "1", "--training.batch_size", str(NUM_TRAIN), "--training.workers", "0"]
ONE_STEP += ["--training.tensorboard", "false"]
SUITES = sorted(
    entry.name.removesuffix(".yaml") for entry in (files("skelact") / "configs" / "suite").iterdir()
)
CELLS = {cell.name: cell for suite in SUITES for cell in cells_of_suite(read_suite(suite))}.values()
BY_PROTOCOL = defaultdict(list)
for cell in CELLS:
    BY_PROTOCOL[cell.pretraining.data.data_set, cell.pretraining.data.name].append(cell)
LARGEST = {  # of each data set, the protocol with the most cells: it stands for the others
    name: max((key for key in sorted(BY_PROTOCOL) if key[0] == name), key=lambda key: len(BY_PROTOCOL[key]))
    for name, _ in sorted(BY_PROTOCOL)
}


def tiny(pretraining):
    """Return the options that make a pre-training's model tiny."""
    family = find_method(pretraining.row.method).family
    if family is not CONTRASTIVE:
        return [*TINY_MODEL, *(TINY_DECODER if family is MASKED else [])]
    backbone = pretraining.row.pretrain.get("model", {}).get("backbone", "st-gcn")
    return [*TINY_CONTRAST, *TINY_BACKBONE[backbone]]


def evaluated_as(cell):
    """Return what tells an evaluation from others of one pre-training's data."""
    family = find_method(cell.pretraining.row.method).family.settings
    on = "" if cell.on.name == cell.pretraining.data.name else cell.on.name
    return on, cell.evaluation.name, cell.trained, family, bool(cell.members)


def write_store(name, path):
    """Write a store of data set ``name``, with sequences on both sides of its protocols."""
    known = find_data_set(name)
    protocols = [*protocols_of(name), *OF_THE_DATA.get(name, ())]
    random = np.random.default_rng(zlib.crc32(name.encode()))
    num_joints = known.topology.num_joints
    with StoreWriter(
        path,
        data_set=name,
        topology=known.topology,
        class_names=list(known.class_names),
        fps=known.fps,
        options={},
        attribute_values=known.attribute_values,
        protocols=[protocol.to_dict() for protocol in OF_THE_DATA.get(name, ())],
    ) as writer:
        for number in range(NUM_TRAIN + NUM_TEST):
            attributes = {}
            for protocol in protocols:
                others = protocol.test or [max(protocol.train) + 1]
                attributes[protocol.attribute] = protocol.train[0] if number < NUM_TRAIN else others[0]
            if name in FOLDS:  # several protocols of one attribute: every value is there
                values = {value for protocol in protocols for value in (*protocol.train, *protocol.test)}
                attributes[protocols[0].attribute] = number // 2 % len(values)
            writer.add(
                SkeletonSequence(
                    name=f"sequence{number}",
                    positions=random.normal(size=(1, 10, num_joints, 3)).astype(np.float32),
                    present=np.ones((1, 10), np.bool_),
                    topology=known.topology,
                    fps=known.fps,
                    label=(number % 2) * (len(known.class_names) - 1),
                    attributes=attributes,
                )
            )
        return writer.finish()


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipes")
    needed = {cell.on.data_set for cell in CELLS}
    for name in needed | {cell.pretraining.data.data_set for cell in CELLS}:
        write_store(name, folder / "stores" / name)
    return Workspace(folder / "stores", folder, accelerator="cpu")


def test_every_data_set_is_there_with_the_classes_of_its_recipe(place):
    assert len(check_stores(CELLS, place)) == len(list(place.stores.iterdir())) == 8


def test_other_protocols_of_a_data_set_have_no_row_and_no_evaluation_of_their_own():
    for (name, _), cells in BY_PROTOCOL.items():
        largest = BY_PROTOCOL[LARGEST[name]]
        rows = [cell.row for cell in largest]
        assert all(cell.row in rows for cell in cells)
        assert {*map(evaluated_as, cells)} <= {*map(evaluated_as, largest)}


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGEST)
def test_every_pretraining_and_every_evaluation_takes_a_step(place, name):
    pretrained, evaluated = set(), set()
    for cell in BY_PROTOCOL[LARGEST[name]]:
        if cell.members and cell.evaluation.name != "linear":
            continue  # scores are added up alike, whatever they come from
        for pretraining in cell.prerequisites:
            recipe = (pretraining.data.name, pretraining.row.name)
            if pretraining.seed == 0 and recipe not in pretrained:
                pretrained.add(recipe)
                words = [*pretrain_arguments(pretraining, place), *tiny(pretraining), *ONE_STEP]
                assert main(words) == 0, words
        if evaluated_as(cell) not in evaluated:
            evaluated.add(evaluated_as(cell))
            for each in (*cell.members, cell):
                words = evaluate_arguments(each, place)
                if "training" in each.expected and not each.members:
                    words += ["--training.epochs", "1", "--training.workers", "0"]
                if each.evaluation.trains_encoder:
                    words += ["--hidden_width", "16"]
                assert main(words) == 0, words
    assert pretrained
    assert evaluated
