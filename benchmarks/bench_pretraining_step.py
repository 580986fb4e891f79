"""One STJD-MP training step at the paper's sizes: clips of 2 body slots, 120 frames; float32 and bfloat16.

The baseline is the plain way in float32: attention by explicit softmax, absent bodies run as zeros, all
tokens predicted before the hidden ones are looked at, one kernel a parameter in the optimiser.

Operations are those of the products that the result needs, attention included; scores that a fused kernel
computes again on the way back do not count. Their rate is given as a share of what a large matrix product
reaches here. ``--clips`` says how many clips a step has: the more, the less of what the baseline works on
stays in the cache. ``--device cuda`` does the same on a GPU with more clips, and compiled as well.

On a CPU ours keeps large blocks of memory, as every command does, and the baseline has the allocator's
defaults; ``--kept-blocks`` keeps them for both.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from alternate import compare, parse_rounds, peak_memory
from skelact.models.sizes import MaskedSizes
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.masked.objective import MaskedObjective
from skelact.processor import keep_large_blocks
from skelact.training.config import TrainingConfig
from skelact.training.optimisers import build_optimiser

NUM_SLOTS, NUM_FRAMES, NUM_JOINTS = 2, 120, 25
NUM_CLIPS = {"cpu": 8, "cuda": 32}
MATRIX = {"cpu": 2048, "cuda": 8192}


class PlainBlock(nn.Module):
    """A block with the softmax of the whole (L, L) matrix of scores; all it computes stays in memory."""

    def __init__(self, like: nn.Module) -> None:
        super().__init__()
        self.attention_norm, self.attention = like.attention_norm, like.attention
        self.mlp_norm, self.mlp = like.mlp_norm, like.mlp

    def forward(self, x: Tensor) -> Tensor:
        attention = self.attention
        qkv = attention.qkv(self.attention_norm(x))
        q, k, v = rearrange(qkv, "B L (three H E) -> three B H L E", three=3, H=attention.num_heads)
        scores = (q @ k.mT) * q.shape[-1] ** -0.5
        x = x + attention.out(rearrange(scores.softmax(-1) @ v, "B H L E -> B L (H E)"))
        return x + self.mlp(self.mlp_norm(x))


class PlainModel(MaskedModel):
    """The same computation, done plainly."""

    def forward(self, clips: Tensor, present: Tensor, uniform: Tensor) -> Tensor:
        encoder, decoder = self.encoder, self.decoder
        bodies, is_present = clips.flatten(0, 1), present.flatten()
        patches = rearrange(bodies, "B (t p) V C -> B t V (p C)", p=encoder.config.patch_frames)
        with torch.no_grad():
            logits = self.logits(patches, is_present, progress=1.0)
            selection = self.select(uniform.flatten(0, 1), logits)
            target = self.target(bodies)
        tokens = encoder.embed(patches.flatten(1, 2)) + encoder.positions()
        x = tokens.gather(1, selection.keep.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))
        for block in encoder.blocks:
            x = block(x)
        visible = decoder.embed(encoder.norm(x))
        masked = decoder.mask_token.expand(*selection.hidden.shape, -1)
        place = selection.restore.unsqueeze(-1).expand(-1, -1, visible.shape[-1])
        x = torch.cat([visible, masked], 1).gather(1, place) + decoder.positions()
        for block in decoder.blocks:
            x = block(x)
        prediction = decoder.predict(decoder.norm(x))  # every token
        is_hidden = selection.is_hidden.float()
        loss_per_token = (prediction - target).square().mean(-1)
        return (loss_per_token * is_hidden).sum() / is_hidden.sum()


def attention_operations(q: torch.Size, k: torch.Size, *rest: object, **options: object) -> int:
    """Two products forward."""
    return 4 * q.numel() * k[2]


def attention_backward_operations(
    grad: torch.Size, q: torch.Size, k: torch.Size, *rest: object, **options: object
) -> int:
    """Four products backward: the gradients of the weights, of the queries, the keys and the values."""
    return 8 * q.numel() * k[2]


def count_operations(call: Callable[[], object]) -> int:
    """Return the useful operations of a float32 step on a CPU; it needs the same elsewhere."""
    aten = torch.ops.aten
    ours = {
        aten._scaled_dot_product_flash_attention_for_cpu: attention_operations,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: attention_backward_operations,
    }
    with FlopCounterMode(display=False, custom_mapping=ours) as counter:
        call()
    return counter.get_total_flops()


def matmul_rate(device: str, dtype: torch.dtype) -> float:
    """Return the operations a second of a large square matrix product, the best of ten."""
    size = MATRIX[device]
    a = torch.randn(size, size, device=device, dtype=dtype)
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        a @ a
        wait(device)
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds)


def wait(device: str) -> None:
    """Wait until the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def most_memory(device: str, call: Callable[[], object]) -> int:
    """Return the most bytes that ``call`` holds beyond those that were there before."""
    if device == "cpu":
        return peak_memory(call)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    return torch.cuda.max_memory_allocated() - before


def make_step(
    model: nn.Module, optimiser: torch.optim.Optimizer, data: list[Tensor], device: str, bf16: bool
) -> Callable[[], None]:
    def step() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            output = model(*data)
        (output if isinstance(output, Tensor) else output.loss).backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        wait(device)

    return step


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--clips", type=int)
    parser.add_argument("--kept-blocks", action="store_true")
    options, rest = parser.parse_known_args()
    if options.clips is not None and options.clips < 1:
        parser.error("--clips must be at least 1")
    device, rounds = options.device, parse_rounds(__doc__, rest)
    own_allocator = device == "cpu" and not options.kept_blocks
    if options.kept_blocks:
        keep_large_blocks()
    torch.manual_seed(0)
    sizes, num_clips = MaskedSizes(), options.clips or NUM_CLIPS[device]
    encoder = sizes.encoder(NUM_JOINTS, 3, NUM_FRAMES)
    ours = MaskedModel(encoder, sizes.decoder(), MaskedObjective())
    plain = PlainModel(encoder, sizes.decoder(), MaskedObjective(absent="include"))
    plain.load_state_dict(ours.state_dict())
    for part in (plain.encoder, plain.decoder):
        part.blocks = nn.ModuleList(PlainBlock(block) for block in part.blocks)
    clips = torch.randn(num_clips, NUM_SLOTS, NUM_FRAMES, NUM_JOINTS, 3).cumsum(2) * 0.01
    uniform = torch.rand(num_clips, NUM_SLOTS, encoder.num_tokens)
    data, operations = {}, {}
    for bodies in (2, 1):
        present = torch.ones(num_clips, NUM_SLOTS, dtype=torch.bool)
        present[:, bodies:] = False
        data[bodies] = [clips * present[..., None, None, None], present, uniform]
        few = [x[:4] for x in data[bodies]]
        counted = count_operations(lambda few=few: ours(*few).loss.backward())
        operations[bodies] = counted * num_clips / len(few[0])
    ours.zero_grad(set_to_none=True)

    ours, plain = ours.to(device), plain.to(device)
    data = {bodies: [x.to(device) for x in tensors] for bodies, tensors in data.items()}
    torch.testing.assert_close(ours(*data[2]).loss, plain(*data[2]))  # the same, before anything is trained
    optimiser = build_optimiser(ours, TrainingConfig())
    plain_optimiser = torch.optim.AdamW(plain.parameters(), lr=1e-3, foreach=False)
    rates = {dtype: matmul_rate(device, dtype) for dtype in (torch.float32, torch.bfloat16)}
    for dtype, rate in rates.items():
        print(f"matrix product in {dtype}: {rate / 1e9:,.0f} GFLOP/s")

    for compiled in (False, True) if device == "cuda" else (False,):
        model = torch.compile(ours) if compiled else ours
        for bodies in (2, 1):
            plain_step = make_step(plain, plain_optimiser, data[bodies], device, False)
            for dtype in rates:
                step = make_step(model, optimiser, data[bodies], device, dtype == torch.bfloat16)
                name = f"pre-training step, {bodies} of {NUM_SLOTS} bodies, {dtype}"
                name += ", compiled" if compiled else ""
                name += ", baseline with kept blocks" if options.kept_blocks else ""
                result = compare(name, step, plain_step, rounds, num_clips, "clips", own_allocator)
                achieved = operations[bodies] / statistics.median(result.ours)
                shares = ", ".join(f"{achieved / rate:.0%} of {kind}" for kind, rate in rates.items())
                print(f"  operations    {operations[bodies] / 1e9:,.0f} GFLOP a step, {shares}")
                fast, slow = most_memory(device, step), most_memory(device, plain_step)
                print(
                    f"  peak memory   ours {fast / 2**20:.0f} MiB, "
                    f"baseline {slow / 2**20:.0f} MiB, 1 / {slow / fast:.1f}"
                )


if __name__ == "__main__":
    main()
