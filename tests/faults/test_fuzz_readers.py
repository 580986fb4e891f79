"""Every reader meets damaged files: its answer is whole sequences or a DataError, and never anything else.

:mod:`fuzzing.engine` makes the cases; here are those of seed 0.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from fuzzing.damage import DAMAGES
from fuzzing.engine import find_target, fuzz, fuzz_sizes, make_case, readers
from fuzzing.samples import ntu_file
from skelact.errors import DataError, SkelactError
from skelact.store.prepare import prepare

PREPARATIONS = 300  # a data set


@pytest.mark.slow
@pytest.mark.parametrize("reader", readers())
def test_every_answer_is_a_sequence_or_a_data_error(
    reader: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    findings = fuzz(reader, folder=tmp_path)
    print(findings)
    record_property("fuzz_cases", findings.cases)
    assert not findings.wrong, f"{findings}: " + "\n".join(findings.wrong[:8])
    assert min(findings.counts.values()) > findings.cases / 100, findings  # neither all is fatal nor none


@pytest.mark.slow
@pytest.mark.parametrize("reader", readers())
def test_one_piece_over_and_over(reader: str, record_property: Callable[[str, object], None]) -> None:
    findings = fuzz_sizes(reader)
    record_property("fuzz_cases", findings.cases)
    assert not findings.wrong, f"{findings}: " + "\n".join(findings.wrong[:8])


@pytest.mark.slow
def test_every_file_of_a_damaged_folder_is_used_or_accounted_for(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Damaged files, names and links among good files; a name may stand in several folders."""
    random, raw, good = Random(0), tmp_path / "raw", ntu_file(12, 1)
    for number in range(400):
        name = f"S001C{number % 3 + 1:03}P{number % 40 + 1:03}R001A{number // 40 + 1:03}.skeleton"
        if number % 7 == 0:
            name = random.choice(
                [name.lower(), name[1:], "x" + name, name + ".txt", "a\nb", "\u0663" + name, name]
            )
        path = raw / str(number % 5) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = number % 9
        if kind == 0:
            path.symlink_to(tmp_path / "nowhere")  # cannot be read
        elif kind < 5:
            path.write_bytes(good)
        else:
            path.write_bytes(random.choice(DAMAGES)(random, good))
        if number % 11 == 0:
            path = raw / "again" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(good)
    num_files = sum(not path.is_dir() for path in raw.rglob("*"))
    outcome = prepare("ntu60", raw, tmp_path / "store", num_workers=1)
    assert outcome.num_files == num_files
    assert len(outcome.store) + len(outcome.exclusions) == num_files
    assert len(outcome.store) >= 100
    for entry in outcome.exclusions:
        assert str(entry).isprintable()
    with pytest.raises(DataError, match="stopped by --strict"):
        prepare("ntu60", raw, tmp_path / "strict", num_workers=1, strict=True)
    record_property("fuzz_cases", num_files)


PREPARED = [
    ("pyskl", "pickle", ".pkl"),
    ("npz", "npz", ".npz"),
    ("pose-json", "pose-json", ".json"),
    ("bvh", "bvh", ".bvh"),
    ("csv", "csv", ".csv"),
    ("npy", "npy", ".npy"),
    ("pose", ".pose", ".pose"),
    ("kinetics-skeleton", "kinetics-skeleton", ".json"),
    ("kinect-text", "kinect text", ".txt"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("data_set", "reader", "suffix"), PREPARED)
def test_a_preparation_ends_in_a_store_or_one_typed_error(
    data_set: str, reader: str, suffix: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """What a reader lets through, e.g. names, can be written."""
    target = find_target(reader)
    valid, raw, wrong = target.samples(), tmp_path / "raw", []
    raw.mkdir()
    stores = 0
    for number in range(PREPARATIONS):
        (raw / f"one{suffix}").write_bytes(make_case(target, valid, number))
        try:
            outcome = prepare(data_set, raw, tmp_path / "store", num_workers=1, overwrite=True)
            assert len(outcome.store) >= 1
            assert all(str(entry).isprintable() for entry in outcome.exclusions)
            stores += 1
        except SkelactError as error:
            if not str(error).isprintable():
                wrong.append(f"case {number}: {error!r}")
        except Exception as error:
            wrong.append(f"case {number}: {type(error).__name__}: {error}")
    record_property("fuzz_cases", PREPARATIONS)
    assert not wrong, "\n".join(wrong[:8])
    assert stores
