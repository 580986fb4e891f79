"""People without identities: how often bodies are mixed up where people cross, beside nearest centroids.

Synthetic people act while they walk across the picture at one another, so that they cross, at different
depths. They are seen as pose estimators see them: joints with errors, joints behind another person mostly
missing, people missed for some frames, in any order. A switch is a person whose body is another one than when
they were seen last. The baseline gives every person the body whose mean joint was closest to theirs before.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from skelact.formats.linking import link
from skelact.synthetic.actions import choose_actions
from skelact.synthetic.data_set import project
from skelact.synthetic.recording import recording_name, simulate
from skelact.synthetic.sensor import observe

IMAGE = (960.0, 540.0, 1060.0)  # centre and focal length in pixels
NUM_FRAMES, SIDE = 120, 1.6  # metres to either side at which people begin and end
MISSED, HIDDEN_MISSED, JOINT_MISSED = 0.02, 0.85, 0.03  # chances
HIDDEN_BODY = 0.75  # a person of whom this share of the joints is hidden is not found


def crossing_people(seed: int, num_people: int):
    """Return (D,) frame, (D, V, 2) pixels, (D, V) seen and (D,) who it truly is."""
    rng = np.random.default_rng(seed)
    actions, pixels, depths = choose_actions(None), [], []
    for person in range(num_people):
        name = recording_name(int(rng.integers(2_000)), actions)
        body = simulate(name, seed).positions[0]
        body = body[np.linspace(0, len(body) - 1, NUM_FRAMES).round().astype(int)]
        way = np.linspace(-SIDE, SIDE, NUM_FRAMES) * rng.uniform(0.5, 1) * (1 if person % 2 else -1)
        middle = body[:, :1].mean(0)
        depth = 3.0 + 0.5 * person + rng.uniform(0, 0.3)
        body = body - (middle[:, 0].item(), 0, middle[:, 2].item()) + (0, 0, depth)
        body[..., 0] += way[:, None]
        pixels.append(project(observe(body, rng)[0], IMAGE))
        depths.append(body[..., 2].mean(1))
    frames, positions, seen, truth = [], [], [], []
    for frame in range(NUM_FRAMES):
        for person in rng.permutation(num_people):
            joints = pixels[person][frame]
            hidden = np.zeros(len(joints), np.bool_)
            for other in range(num_people):
                if depths[other][frame] < depths[person][frame]:
                    low, high = pixels[other][frame].min(0), pixels[other][frame].max(0)
                    hidden |= ((joints > low) & (joints < high)).all(1)
            if rng.random() < MISSED or hidden.mean() > HIDDEN_BODY:
                continue
            found = rng.random(len(joints)) >= np.where(hidden, HIDDEN_MISSED, JOINT_MISSED)
            if found.any():
                frames.append(frame)
                positions.append(np.where(found[:, None], joints, 0))
                seen.append(found)
                truth.append(person)
    return np.array(frames), np.array(positions), np.array(seen), np.array(truth)


def nearest_centroids(frames, positions, seen):
    """Return (D,) bodies: each person's is the nearest of the frame before, one after the other."""
    centroids = (positions * seen[..., None]).sum(1) / seen.sum(1, keepdims=True)
    bodies, last, count = np.empty(len(frames), np.int64), {}, 0
    for frame in np.unique(frames):
        free = dict(last)
        for index in np.flatnonzero(frames == frame):
            if free:
                body = min(free, key=lambda one: ((free[one] - centroids[index]) ** 2).sum())
                del free[body]
            else:
                body, count = count, count + 1
            bodies[index] = body
            last[body] = centroids[index]
    return bodies


def switches(bodies, truth) -> int:
    """Return how often somebody's body is another one than where they were seen last."""
    return sum(int((np.diff(bodies[truth == person]) != 0).sum()) for person in np.unique(truth))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=40, help="of each number of people")
    options = parser.parse_args()
    for num_people in (2, 3, 5):
        counts, bodies, found, seconds = {"linked": 0, "nearest centroid": 0}, 0, 0, 0.0
        for seed in range(options.recordings):
            frames, positions, seen, truth = crossing_people(seed, num_people)
            started = time.perf_counter()
            linked = link(frames, positions, seen)
            seconds += time.perf_counter() - started
            counts["linked"] += switches(linked, truth)
            counts["nearest centroid"] += switches(nearest_centroids(frames, positions, seen), truth)
            bodies += len(np.unique(linked))
            found += len(frames)
        text = ", ".join(f"{name} {count}" for name, count in counts.items())
        print(
            f"{options.recordings} recordings of {num_people} people, {found:,} found: switches {text}; "
            f"{bodies / options.recordings:.2f} bodies each; {found / seconds:,.0f} people a second"
        )


if __name__ == "__main__":
    main()
