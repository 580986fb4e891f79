"""Parsing NTU RGB+D text, against plain parsers that call ``float`` for one field after the other.

The text is that of 12 recordings of 80 frames, one in four with two bodies, with as many digits as the sensor
writes. The first baseline reads all fields of a joint's line, the second only the three that are kept. All
results are compared before anything is timed, and one process works on one core.
"""

from __future__ import annotations

import numpy as np

from alternate import compare, parse_rounds
from skelact.sources.ntu import parse_recording

RECORDINGS, FRAMES = 12, 80


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


def main() -> None:
    rounds = parse_rounds(__doc__)
    texts = [recording_text(number) for number in range(RECORDINGS)]
    for text in texts:
        for num_fields in (12, 3):
            expected = plain_parse(text, num_fields)
            tracks = parse_recording("text", text).tracks
            assert [track.body_id for track in tracks] == list(expected)
            assert all(np.array_equal(track.positions, expected[track.body_id]) for track in tracks)
    for name, num_fields in (("all 12 fields", 12), ("x y z alone", 3)):
        compare(
            f"NTU parsing, baseline reads {name}",
            lambda: [parse_recording("text", text) for text in texts],
            lambda num_fields=num_fields: [plain_parse(text, num_fields) for text in texts],
            rounds,
            work=sum(map(len, texts)) / 1e6,
            unit="MB",
        )


if __name__ == "__main__":
    main()
