"""Parsing NTU RGB+D text, against plain parsers that call ``float`` for one field after the other.

The text is that of 12 recordings of 80 frames, one in four with two bodies, with as many digits as the sensor
writes. The first baseline reads all fields of a joint's line, the second only the three that are kept. All
results are compared before anything is timed, and one process works on one core. Then come recordings in
a .zip: parsed from there against the plain parser of all fields and against the compiled scanner, both on
files in a folder; and cleaned as well, against the same from a folder.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from alternate import Work, compare, parse_rounds
from skelact.formats.archives import RawFile, raw_files
from skelact.formats.ntu import read_ntu
from skelact.formats.ntu_file import _read_lines, parse_recording
from skelact.formats.ntu_scanner import scan

RECORDINGS, FRAMES = 12, 80
PACKED = 48  # files in the archive


def recording_text(number: int) -> bytes:
    """One file as the sensor writes it: 7 significant digits a field, CRLF."""
    random = np.random.default_rng(number)
    lines = [str(FRAMES)]
    ids = [72057594037931101, 72057594037931368][: 2 if number % 4 == 0 else 1]
    for _ in range(FRAMES):
        lines.append(str(len(ids)))
        for body_id in ids:
            lines += [f"{body_id} 0 1 1 1 1 0 0.02764709 -0.1745539 2", "25"]
            for x, y, z in random.normal((0.2, 0.1, 3.5), (0.3, 0.5, 0.2), (25, 3)).tolist():
                pixels = f"{random.uniform(0, 512):.7g} {random.uniform(0, 424):.7g}"
                colours = f"{random.uniform(0, 1920):.7g} {random.uniform(0, 1080):.7g}"
                turn = " ".join(f"{value:.7g}" for value in random.uniform(-1, 1, 4))
                lines.append(f"{x:.7g} {y:.7g} {z:.7g} {pixels} {colours} {turn} 2")
    return ("\r\n".join(lines) + "\r\n").encode()


def plain_parse(data: bytes, num_fields: int) -> dict[int, np.ndarray]:
    """Line by line; ``float`` of the first ``num_fields`` fields of every joint."""
    lines = iter(data.decode().splitlines())
    bodies: dict[int, list[list[list[float]]]] = {}
    for _ in range(int(next(lines))):
        for _ in range(int(next(lines))):
            body_id = int(next(lines).split()[0])
            joints = [
                [float(field) for field in next(lines).split()[:num_fields]] for _ in range(int(next(lines)))
            ]
            bodies.setdefault(body_id, []).append(joints)
    return {body_id: np.array(frames)[..., :3].astype(np.float32) for body_id, frames in bodies.items()}


def parse_texts(parse: Callable[[str, bytes], object], texts: list[bytes]) -> None:
    for text in texts:
        parse("text", text)


def clean_recording(file: RawFile) -> None:
    """Read, parse and clean one recording, as a preparation does."""
    read_ntu(file.name, file.stem, file.read())


def parse_file(file: RawFile) -> None:
    parse_recording(file.name, file.read())


def parse_plainly(file: RawFile) -> None:
    plain_parse(file.read(), 12)


def for_all(work: Callable[[RawFile], object], raw: Path) -> Work:
    """Return what does ``work`` with every file of a folder or archive."""

    def call() -> None:
        with raw_files(raw) as files:
            for file in files:
                work(file)

    return call


def write_raw(raw: Path, packed: Path, texts: list[bytes]) -> None:
    """Write ``PACKED`` recordings into a folder, and into an archive, packed as much as usual."""
    raw.mkdir()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(PACKED):
            name = f"S001C001P001R001A{number + 1:03}.skeleton"
            (raw / name).write_bytes(texts[number % RECORDINGS])
            archive.writestr(name, texts[number % RECORDINGS])


def compare_archives(texts: list[bytes], rounds: int) -> None:
    """Time reading from an archive."""
    megabytes = sum(map(len, texts)) / 1e6 * PACKED / RECORDINGS
    with tempfile.TemporaryDirectory() as folder:
        raw, packed = Path(folder) / "raw", Path(folder) / "raw.zip"
        write_raw(raw, packed, texts)
        pairs: dict[str, tuple[Work, Work]] = {
            "NTU parsing from a .zip; the baseline reads all 12 fields from a folder": (
                for_all(parse_file, packed),
                for_all(parse_plainly, raw),
            ),
            "NTU parsing from a .zip; the baseline is the same from a folder": (
                for_all(parse_file, packed),
                for_all(parse_file, raw),
            ),
            "NTU parsing and cleaning from a .zip; the baseline is the same from a folder": (
                for_all(clean_recording, packed),
                for_all(clean_recording, raw),
            ),
        }
        for name, (ours, baseline) in pairs.items():
            compare(name, ours, baseline, rounds, work=megabytes, unit="MB")


def check_equal(text: bytes) -> None:
    scanned = scan(text)
    assert scanned is not None
    for numbers, arrays in zip(scanned, _read_lines("text", text), strict=True):
        assert np.array_equal(numbers, arrays)
    for num_fields in (12, 3):
        expected = plain_parse(text, num_fields)
        tracks = parse_recording("text", text).tracks
        assert [track.body_id for track in tracks] == list(expected)
        assert all(np.array_equal(track.positions, expected[track.body_id]) for track in tracks)


def main() -> None:
    rounds = parse_rounds(__doc__)
    texts = [recording_text(number) for number in range(RECORDINGS)]
    megabytes = sum(map(len, texts)) / 1e6
    for text in texts:
        check_equal(text)
    for name, num_fields in (("all 12 fields", 12), ("x y z alone", 3)):
        compare(
            f"NTU parsing by compiled scanner, baseline reads {name}",
            lambda: parse_texts(parse_recording, texts),
            lambda num_fields=num_fields: [plain_parse(text, num_fields) for text in texts],
            rounds,
            work=megabytes,
            unit="MB",
        )
    compare_archives(texts, rounds)


if __name__ == "__main__":
    main()
