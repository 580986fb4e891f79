from pathlib import Path

import pytest
from matplotlib.image import imread

from skelact.cli.main import main
from skelact.errors import DataError
from skelact.reports.data import data_figure
from skelact.store.overview import attribute_counts, body_counts, class_counts, lengths
from skelact.store.store import Store


def test_counts(small_store: Store) -> None:
    assert class_counts(small_store) == {"a": 3, "b": 2, "c": 2, "d": 2}
    assert attribute_counts(small_store, "subject") == {"1": 4, "2": 3, "3": 3}
    assert body_counts(small_store) == {"1": 4, "2": 5, "3": 1}
    assert lengths(small_store)[0] == 1


def test_the_figure_is_drawn(small_store: Store, tmp_path: Path) -> None:
    data_figure(small_store, tmp_path / "data.png")
    picture = imread(tmp_path / "data.png")
    assert picture.shape[1] > 1000
    assert (abs(picture[..., :3] - [0, 0x72 / 255, 0xB2 / 255]).max(-1) < 0.02).sum() > 10_000  # bars
    with pytest.raises(DataError, match=r"written as .png, .svg, .pdf"):
        data_figure(small_store, tmp_path / "data.jpg")


def test_data_info_draws_it(small_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "info", str(small_store.path), "--figure", str(tmp_path / "data.png")]) == 0
    assert (tmp_path / "data.png").is_file()
    shown = capsys.readouterr().out
    assert "subject     3 values\n   1 4   2 3   3 3\n" in shown
    assert "classes     4 of 4 have sequences; 1 sequence has no class" in shown
