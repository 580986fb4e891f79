"""Damaged result and score files: one line; and two evaluations that write the same result at once."""

import hashlib
import json
import multiprocessing
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from faults.mutations import IN_PLACE, flips, in_place_of, json_edits
from skelact.errors import SkelactError
from skelact.results import files
from skelact.results.classes import class_differences, read_class_results
from skelact.results.curves import learning_curves
from skelact.results.ensemble import combine, ensemble_result, find_member
from skelact.results.files import FOLDER, read_result, read_scores, read_with_scores
from skelact.results.rendering import render
from skelact.results.tables import compare, group, read_entries
from written_results import write_predictions, write_share

COMMITTED = Path(__file__).resolve().parents[2] / "results"
LABELS = [0, 0, 1, 1, 2, 2]


def read_all(path: Path, other: Path) -> None:
    """Do with a result all that reads it."""
    methods = group(read_entries([path, other]))
    render(methods, compare(methods), "text")
    results = read_class_results([path, other])
    class_differences(results[0], results[-1])
    members = [find_member(each, "linear") for each in (path, other)]
    ensemble_result(members, [1, 1], combine(members), 0.1)


def outcome(path: Path, other: Path, what: str) -> str:
    try:
        read_all(path, other)
    except SkelactError as error:
        message = str(error)
    except Exception as error:
        raise AssertionError(f"{what}: {error!r}") from error
    else:
        return "read"
    assert "\n" not in message, what
    return "refused"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_WAITS", ())


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A result, and one of another method."""
    first = write_predictions(tmp_path, LABELS, [0, 1, 1, 1, 2, 0])
    return first, write_predictions(tmp_path, LABELS, LABELS, method="mamp")


def test_edits_of_result_files(pair: tuple[Path, Path]) -> None:
    path, other = pair
    found: Counter[str] = Counter()
    for what, text in json_edits(json.loads(path.read_text()), 300, seed=3):
        path.write_text(text)
        found[outcome(path, other, what)] += 1
    print(dict(found))
    assert found["refused"] > 200


def test_edits_of_a_committed_result(pair: tuple[Path, Path], tmp_path: Path) -> None:
    source = next(path for path in sorted(COMMITTED.rglob("*linear-seed0.json")))
    shutil.copy(source, tmp_path)
    if source.with_suffix(".npz").exists():
        shutil.copy(source.with_suffix(".npz"), tmp_path)
    path, found = tmp_path / source.name, Counter()
    for what, text in json_edits(json.loads(path.read_text()), 80, seed=4):
        path.write_text(text)
        found[outcome(path, pair[1], what)] += 1
    print(dict(found))


def test_edits_of_results_of_few_labels(tmp_path: Path) -> None:
    path, other = write_share(tmp_path, 20, 10), write_share(tmp_path, 50, 15)
    for what, text in json_edits(json.loads(path.read_text()), 150, seed=5):
        path.write_text(text)
        try:
            learning_curves(read_entries([path, other]))
        except SkelactError as error:
            message = str(error)
        except Exception as error:
            raise AssertionError(f"{what}: {error!r}") from error
        else:
            continue
        assert "\n" not in message, what


def test_flipped_scores(pair: tuple[Path, Path]) -> None:
    """Without the right hash they are not taken; with it, whatever they hold is one line."""
    path, other = pair
    scores, content = path.with_suffix(".npz"), json.loads(path.read_text())
    found: Counter[str] = Counter()
    for what, data in flips(scores.read_bytes(), 120, seed=6):
        scores.write_bytes(data)
        assert outcome(path, other, what) == "refused", what
        content["scores"]["sha256"] = hashlib.sha256(data).hexdigest()
        changed = path.with_name("forged.json")
        changed.write_text(json.dumps(content))
        found[outcome(changed, other, what)] += 1
    print(dict(found))


def test_a_header_that_promises_terabytes(pair: tuple[Path, Path]) -> None:
    path, other = pair
    scores, content = path.with_suffix(".npz"), json.loads(path.read_text())
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (30000000000000, 2), }".ljust(117) + "\n"
    member = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(100)
    with zipfile.ZipFile(scores, "a") as archive:
        archive.writestr("scores/more.npy", member)
    content["scores"]["sha256"] = hashlib.sha256(scores.read_bytes()).hexdigest()
    path.write_text(json.dumps(content))
    with pytest.raises(SkelactError, match="240,000,000,000"):
        read_all(path, other)


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "..", ".", "", "a/b", "\x00", 7, None, ["x"]])
def test_scores_stand_beside_their_result(pair: tuple[Path, Path], name: object) -> None:
    path, other = pair
    content = json.loads(path.read_text())
    content["scores"]["file"] = name
    path.write_text(json.dumps(content))
    with pytest.raises(SkelactError, match=r"scores\.file"):
        read_all(path, other)


@pytest.mark.parametrize("what", IN_PLACE)
@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_what_is_no_result(pair: tuple[Path, Path], suffix: str, what: str) -> None:
    path, other = pair
    in_place_of(path.with_suffix(suffix), what)
    assert outcome(path, other, what) == "refused"


def test_committed_results_are_read() -> None:
    paths = sorted(COMMITTED.rglob("*.json"))
    assert len(paths) > 300
    for path in paths:
        content = read_result(path)
        if "scores" in content and path.with_suffix(".npz").exists():
            read_scores(path, content)


def test_a_file_where_the_folder_of_results_is_to_be(tmp_path: Path) -> None:
    folder = write_predictions(tmp_path, LABELS, LABELS).parent
    shutil.rmtree(folder)
    folder.write_text("")
    with pytest.raises(SkelactError, match=rf"{FOLDER}: cannot be written \(File exists\)") as error:
        write_predictions(tmp_path, LABELS, LABELS)
    assert "disk full" not in str(error.value)


def _write_often(folder: Path, predicted: list[int]) -> None:
    for _ in range(25):
        write_predictions(folder, LABELS, predicted)


def test_two_evaluations_of_one_result_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_predictions(tmp_path, LABELS, LABELS)
    context = multiprocessing.get_context("fork")
    both = [
        context.Process(target=_write_often, args=(tmp_path, predicted))
        for predicted in (LABELS, [1, 1, 1, 1, 1, 1])
    ]
    # two that write without a pause can come between the files again and again: read until they have ended
    monkeypatch.setattr(files, "_WAITS", (0.01,) * 10_000)
    for process in both:
        process.start()
    while any(process.is_alive() for process in both):
        _read_one_result(path)
    assert [process.exitcode for process in both] == [0, 0]
    monkeypatch.setattr(files, "_WAITS", ())
    _read_one_result(path)
    assert sorted(each.name for each in path.parent.iterdir()) == sorted([path.name, f"{path.stem}.npz"])


def _read_one_result(path: Path) -> None:
    content, scores = read_with_scores(path)
    assert scores is not None
    right = scores.scores[""].argmax(1) == scores.labels
    assert right.mean() == pytest.approx(content["metrics"]["top1"])


def test_scores_of_another_result_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_predictions(tmp_path, LABELS, LABELS)
    scores = path.with_suffix(".npz")
    own, other = scores.read_bytes(), write_predictions(tmp_path / "other", LABELS, [1, 1, 1, 1, 1, 1])
    shutil.copyfile(other.with_suffix(".npz"), scores)
    waited: list[float] = []

    def other_process(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            scores.write_bytes(own)

    monkeypatch.setattr(files, "_WAITS", (1.0, 2.0))
    monkeypatch.setattr(files.time, "sleep", other_process)
    _read_one_result(path)
    assert waited == [1.0, 2.0]
