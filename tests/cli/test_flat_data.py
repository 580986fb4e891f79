"""2-D positions: nothing need be typed for them, their unit does not matter, and 3-D models refuse them."""

from pathlib import Path

import numpy as np
import pytest

import skelact
from skelact.cli.main import main
from skelact.errors import ConfigurationError
from skelact.formats.protocol import Protocol
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import COCO_17
from skelact.store.store import Store
from skelact.store.writer import StoreWriter

NUM = 24
FEW = {"batch_size": 8, "workers": 0, "tensorboard": False}


def write(path: Path, units: list[float], num_coordinates: int = 2) -> Store:
    """Write the same motions, each in a unit of its own: two classes that swing at different joints."""
    random = np.random.default_rng(0)
    protocol = Protocol("xsub", "subject", (1,), (2,))
    with StoreWriter(
        path,
        data_set="mine",
        topology=COCO_17,
        class_names=["a", "b"],
        fps=None,
        options={},
        protocols=[protocol.to_dict()],
    ) as writer:
        pose = random.normal(scale=0.4, size=(17, 3))
        for number, unit in enumerate(units):
            positions = np.repeat(pose[None] + random.normal(scale=0.05, size=(1, 17, 3)), 30, 0)
            swing = 0.3 * np.sin(np.arange(30) * random.uniform(0.3, 0.6))
            positions[:, 9 + number % 2, 1] += swing
            writer.add(
                SkeletonSequence(
                    f"s{number}",
                    (unit * positions[None, ..., :num_coordinates]).astype(np.float32),
                    np.ones((1, 30), np.bool_),
                    COCO_17,
                    label=number % 2,
                    attributes={"subject": number // 2 % 2 + 1},
                )
            )
        return writer.finish()


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> list[Store]:
    folder = tmp_path_factory.mktemp("flat")
    units = {"one": [1.0] * NUM, "x400": [400.0] * NUM, "cameras": np.geomspace(200, 1600, NUM).tolist()}
    return [write(folder / name, each) for name, each in units.items()]


@pytest.mark.parametrize("method", ["mae", "stjd-mp-visible", "stjd-cl-positions"])
def test_models_of_one_motion_in_three_units_say_the_same(
    stores: list[Store], method: str, tmp_path: Path
) -> None:
    """In the case that this mends, accuracies differed by twenty points."""
    found = []
    for number, store in enumerate(stores):
        model = skelact.pretrain(
            store, out=tmp_path / str(number), method=method, size="tiny", epochs=1, seed=0, quiet=True,
            clips={"num_frames": 32}, training=FEW,
        )  # fmt: skip
        clips = model.card["config"]["clips"]
        assert (clips["rotation"], clips["scale"], model.card["clips"]["scale"]) == (0.0, "body", "body")
        found.append([model.embed_store(each, title="") for each in stores])
    for by_store in found:
        for embedded in by_store:
            np.testing.assert_allclose(
                embedded, found[0][0], rtol=5e-3, atol=1e-3 * np.abs(found[0][0]).max()
            )
    assert np.abs(found[0][0] - found[0][0].mean(0)).max() > 0.01


def test_what_is_typed_wins(stores: list[Store], tmp_path: Path) -> None:
    typed = ["pretrain", "--data", str(stores[0].path), "--size", "tiny", "--epochs", "1"]
    typed += ["--clips.min_crop_frames", "8", "--training.batch_size", "8", "--training.tensorboard", "false"]
    scale = ["--clips.scale", "stored", "--clips.tilt", "20", "--out", str(tmp_path / "run")]
    assert main([*typed, *scale]) == 0
    clips = skelact.load(tmp_path / "run").pretrained.clips
    assert (clips.scale, clips.tilt, clips.rotation) == ("stored", 20.0, 0.0)


def test_a_rotation_that_is_typed_is_refused_with_the_option(
    stores: list[Store], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["pretrain", "--data", str(stores[0].path), "--size", "tiny", "--out", str(tmp_path / "run")]
    assert main([*typed, "--clips.rotation", "0.3"]) == 2
    assert (
        "2-D positions, which are not rotated in space; --clips.rotation is 0.3, set it to 0"
        in capsys.readouterr().err
    )


def test_supervised_training_needs_nothing_typed_either(stores: list[Store], tmp_path: Path) -> None:
    found = skelact.evaluate(
        "supervised", data=stores[1], protocol="xsub", out=tmp_path / "run", size="tiny", epochs=1,
        clips={"min_crop_frames": 8}, training=FEW,
    )  # fmt: skip
    assert found.content["config"]["clips"]["scale"] == "body"


@pytest.mark.parametrize("evaluation", ["transfer", "linear-fast"])
def test_a_model_of_3d_positions_says_so_first(
    stores: list[Store], tmp_path: Path, evaluation: str, capsys: pytest.CaptureFixture[str]
) -> None:
    solid = write(tmp_path / "solid", [1.0] * NUM, num_coordinates=3)
    run = skelact.pretrain(
        solid, out=tmp_path / "run", method="mae", size="tiny", epochs=1, quiet=True,
        clips={"min_crop_frames": 8}, training=FEW,
    ).run  # fmt: skip
    flat = stores[0].path
    typed = ["evaluate", evaluation, "--run", str(run), "--data", str(flat), "--protocol", "xsub"]
    capsys.readouterr()
    assert main([*typed, *(["--out", str(tmp_path / "out")] if evaluation == "transfer" else [])]) == 2
    message = capsys.readouterr().err
    assert f"{flat}: holds 2-D positions, the model was trained on 3-D ones" in message
    assert f"skelact pretrain --data {flat} --out RUN" in message
    assert "convert" not in message


def test_a_model_in_the_stored_unit_refuses_another(stores: list[Store], tmp_path: Path) -> None:
    model = skelact.pretrain(
        stores[0], out=tmp_path / "run", method="mae", size="tiny", epochs=1, quiet=True,
        clips={"min_crop_frames": 8, "scale": "stored"}, training=FEW,
    )  # fmt: skip
    with pytest.raises(ConfigurationError, match=r"x400: bodies have a size of 2\d\d, .*--clips.scale body"):
        model.embed_store(stores[1], title="")
