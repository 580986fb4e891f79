"""Every sequence once, on one process and on several."""

import numpy as np
import pytest
import torch
import torch.multiprocessing as mp
from lightning_fabric import Fabric

from skelact.clips.settings import ClipSettings
from skelact.clips.source import ClipSource
from skelact.evaluation.features import batch_size_of, extract_features, gather, in_batches, share_of
from skelact.models.encoder import SkeletonEncoder
from skelact.models.sizes import EncoderConfig
from skelact.store.store import Store


@pytest.mark.parametrize(("num", "world_size"), [(10, 1), (10, 3), (7, 4), (2, 5), (1, 2)])
def test_shares_cover_all_without_overlap_and_are_even(num, world_size):
    shares = [share_of(num, rank, world_size) for rank in range(world_size)]
    covered = [place for share in shares for place in range(num)[share]]
    assert covered == list(range(num))
    lengths = [share.stop - share.start for share in shares]
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize(("num_frames", "size"), [(8, 128), (128, 128), (120, 128), (512, 32), (100_000, 1)])
def test_fewer_of_long_clips_are_computed_at_a_time(small_store, num_frames, size):
    assert batch_size_of(ClipSource(small_store, ClipSettings(num_frames=num_frames))) == size


def features_of(path, fabric=None):
    torch.manual_seed(0)
    encoder = SkeletonEncoder(EncoderConfig(num_frames=16, width=16, depth=1, num_heads=2)).eval()
    source = ClipSource(Store.open(path), ClipSettings(num_frames=16))
    return extract_features(encoder, source, np.arange(9), batch_size=2, fabric=fabric)


def work(rank, path, folder):
    """Compute with two processes; each writes what it got."""
    import torch.distributed as dist

    store = dist.FileStore(f"{folder}/store", 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    fabric = TwoProcesses(rank)
    features, labels = features_of(path, fabric)
    one = in_batches(lambda part: torch.arange(1)[part] + 7, 1, 4, fabric=fabric)
    torch.save({"features": features, "labels": labels, "one": one}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


class TwoProcesses:
    """What the evaluation asks of Fabric, over a process group that exists."""

    world_size = 2
    device = torch.device("cpu")

    def __init__(self, rank):
        self.global_rank = rank

    def all_reduce(self, tensor, reduce_op):
        import torch.distributed as dist

        assert reduce_op == "sum"
        dist.all_reduce(tensor)
        return tensor


@pytest.mark.slow
def test_two_gloo_processes_with_uneven_shares_equal_one(small_store, tmp_path):
    mp.spawn(work, (str(small_store.path), str(tmp_path)), nprocs=2)
    features, labels = features_of(small_store.path)
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(found["features"], features, atol=1e-6, rtol=1e-5)
        assert torch.equal(found["labels"], labels)
        assert found["one"].tolist() == [7]  # one process had nothing to do


def test_a_single_process_has_the_whole():
    rows = torch.randn(3, 2)
    assert gather(rows, 3, Fabric(accelerator="cpu", devices=1)) is rows
