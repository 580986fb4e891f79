"""What teaches beside whole recordings: their beginnings and ends."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skelact.evaluation.folds import make_folds
from skelact.recognition.choice import measure
from skelact.recognition.lesson import PIECES, pieces_of
from skelact.recognition.neighbours import Examples, Neighbours
from skelact.skeleton.sequence import SkeletonSequence
from skelact.skeleton.tables import NTU_25
from skelact.skeleton.view import centre
from skelact.store.in_memory import store_in_memory


def recording(num_frames, seen=slice(None)):
    random = np.random.default_rng(num_frames)
    present = np.zeros((1, num_frames), np.bool_)
    present[0, seen] = True
    positions = random.normal(size=(1, num_frames, 25, 3)).astype(np.float32)
    positions[~present] = 0
    return centre(SkeletonSequence(f"of {num_frames}", positions, present, NTU_25, fps=30.0))


def test_pieces_are_recordings_of_their_own():
    store = store_in_memory([recording(40), recording(9)], "y", "m")
    pieces = pieces_of(store, np.array([1, 0]))
    assert [one.num_frames for one in map(pieces.sequence, range(4))] == [7, 7, 30, 30]
    assert (pieces.up, pieces.unit, pieces.fps) == ("y", "m", 30)
    whole, end = store.sequence(0), pieces.sequence(3)
    cut = centre(replace(whole, positions=whole.positions[:, 10:], present=whole.present[:, 10:]))
    np.testing.assert_allclose(end.positions, cut.positions, atol=1e-6)


@pytest.mark.parametrize(("num", "seen", "lengths"), [(1, slice(None), [1, 1]), (40, slice(0, 5), [30, 40])])
def test_where_nobody_is_seen_in_a_piece_the_whole_takes_its_place(num, seen, lengths):
    pieces = pieces_of(store_in_memory([recording(num, seen)]), np.array([0]))
    assert [pieces.sequence(place).num_frames for place in range(len(PIECES))] == lengths


def test_pieces_teach_what_their_recording_shows():
    """Pieces of the last recording of class 1 lie beyond those of class 0."""
    labels = torch.arange(8) % 2
    whole = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)) / 10 + labels[:, None] * 4
    pieces = torch.stack([whole, whole], 1)
    strange = pieces[7] = torch.tensor([-4.0, 9.0, -4.0])
    examples = Examples(whole, labels, 2, pieces)
    features, told = examples.lessons()
    for row in range(8):
        assert torch.equal(features[row::8], torch.cat([whole[row : row + 1], pieces[row]]))
        assert (told[row::8] == labels[row]).all()
    assert int(Neighbours.of(examples).distances(strange[None]).argmin()) == 1
    without = Neighbours.of(examples.part(torch.arange(7)))
    assert len(without.points) == 21
    assert int(without.distances(strange[None]).argmin()) == 0


def test_a_recording_is_not_asked_about_what_its_own_pieces_taught():
    labels = torch.arange(12) % 2
    whole = torch.randn(12, 6, generator=torch.Generator().manual_seed(0))
    folds = make_folds(labels.numpy(), {})
    for found in measure("moments", Examples(whole, labels, 2, whole[:, None]), folds):
        assert found.tested.all()
        assert float(found.distances.min()) > 0.01
