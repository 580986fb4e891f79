import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from skelact.training.speed import Speed, operation_counter, peak_memory

CPU = torch.device("cpu")


def test_products_and_attention_count_forwards_and_backwards():
    x = torch.randn(2, 3, 8, 4, requires_grad=True)  # (B, H, L, E)
    weight = torch.randn(4, 5, requires_grad=True)
    with operation_counter() as counter:
        attended = scaled_dot_product_attention(x, x, x)
        (attended.reshape(-1, 4) @ weight).sum().backward()
    attention = 2 * (2 * 3 * 8 * 8 * 4) * 2  # two products, an addition and a multiplication each
    product = 2 * (2 * 3 * 8) * 4 * 5
    assert counter.get_total_flops() == 3 * (attention + product)


def test_the_share_is_operations_by_time_and_rate(monkeypatch):
    monkeypatch.setattr("skelact.training.speed.matmul_rate", lambda device, dtype: 1e6)
    speed = Speed(CPU, "32", world_size=1)
    with speed.watch():
        torch.randn(10, 10) @ torch.randn(10, 10)
    speed.add(terms=4)
    with speed.watch():  # later steps are not counted again
        torch.randn(50, 50) @ torch.randn(50, 50)
    speed.add(terms=8)
    assert speed.share(seconds=2.0) == pytest.approx(3 * 2 * 10**3 / 2.0 / 1e6)
    assert speed.share(seconds=1.0) == 0


def test_memory_grows_with_what_is_held():
    before = peak_memory(CPU)
    held = torch.ones(64, 2**20)  # 256 MiB
    assert peak_memory(CPU) >= before
    assert 0.2 < peak_memory(CPU) < 1000
    del held
