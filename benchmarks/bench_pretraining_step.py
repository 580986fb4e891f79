"""One STJD-MP training step at the paper's sizes: clips of 2 body slots, 120 frames; float32 and bfloat16.

The baseline is the plain way in float32: attention by explicit softmax, absent bodies run as zeros, all
tokens predicted before the hidden ones are looked at, one kernel a parameter in the optimiser.

Operations are those of the products that the result needs, attention included; scores that a fused kernel
computes again on the way back do not count. Their rate is given as a share of what a large matrix product
reaches here. ``--clips`` says how many clips a step has: the more, the less of what the baseline works on
stays in the cache. ``--device cuda`` does the same on a GPU with more clips, and compiled as well.

``--profile`` says what a float32 step of each way spends on what, by operator.

On a CPU ours keeps large blocks of memory, as every command does, and the baseline has the allocator's
defaults; ``--kept-blocks`` keeps them for both. A processor without bfloat16 has rows for float32 alone, and
so has one that is told to do without its wider instructions:

    export ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from alternate import compare, most_memory, parse_rounds
from skelact.models.sizes import MaskedSizes
from skelact.pretraining.masked.model import MaskedModel
from skelact.pretraining.masked.objective import MaskedObjective
from skelact.processor import keep_large_blocks
from skelact.training.config import TrainingConfig
from skelact.training.devices import precision_here
from skelact.training.optimisers import build_optimiser

NUM_SLOTS, NUM_FRAMES, NUM_JOINTS = 2, 120, 25
NUM_CLIPS = {"cpu": 8, "cuda": 32}
MATRIX = {"cpu": 2048, "cuda": 8192}
MOST_OPERATORS = 6
"""That are told of a profile."""


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
        restore = torch.cat([selection.keep, selection.hidden], 1).argsort(1)
        place = restore.unsqueeze(-1).expand(-1, -1, visible.shape[-1])
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


def build(
    sizes: MaskedSizes, num_frames: int = NUM_FRAMES, config: MaskedObjective | None = None
) -> tuple[MaskedModel, PlainModel]:
    """Return our model and the plain one, with the same weights, on the CPU."""
    torch.manual_seed(0)
    config = MaskedObjective() if config is None else config
    encoder = sizes.encoder(NUM_JOINTS, 3, num_frames)
    ours = MaskedModel(encoder, sizes.decoder(), config)
    plain = PlainModel(encoder, sizes.decoder(), replace(config, absent="include"))
    plain.load_state_dict(ours.state_dict())
    for part in (plain.encoder, plain.decoder):
        part.blocks = nn.ModuleList(PlainBlock(block) for block in part.blocks)
    return ours, plain


def make_data(model: MaskedModel, num_clips: int, bodies: int) -> list[Tensor]:
    """Return clips of two body slots of which so many show somebody, and what else a step takes."""
    encoder = model.encoder.config
    shape = (num_clips, NUM_SLOTS, encoder.num_frames, NUM_JOINTS, 3)
    generator = torch.Generator().manual_seed(0)
    clips = torch.randn(shape, generator=generator).cumsum(2) * 0.01
    uniform = torch.rand(num_clips, NUM_SLOTS, encoder.num_tokens, generator=generator)
    present = torch.ones(num_clips, NUM_SLOTS, dtype=torch.bool)
    present[:, bodies:] = False
    return [clips * present[..., None, None, None], present, uniform]


def useful_operations(model: MaskedModel, data: list[Tensor]) -> float:
    """Return the operations that a step of ``model``, on the CPU, needs for ``data``."""
    few = [x[:4] for x in data]
    counted = count_operations(lambda: model(*few).loss.backward())
    model.zero_grad(set_to_none=True)
    return counted * len(data[0]) / len(few[0])


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


@torch.no_grad()
def check(ours: MaskedModel, plain: PlainModel, data: list[Tensor]) -> None:
    """The two compute the same loss, before anything is trained."""
    torch.testing.assert_close(ours(*data).loss, plain(*data), rtol=1e-4, atol=1e-4)


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


def print_profile(name: str, step: Callable[[], None]) -> None:
    """Print the operators that take most of a step's own time on the CPU, in seconds."""
    step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        step()
    costs = sorted(profile.key_averages(), key=lambda each: -each.self_cpu_time_total)
    print(f"  {name}, a step of {sum(each.self_cpu_time_total for each in costs) / 1e6:.2f} s, by operator:")
    for each in costs[:MOST_OPERATORS]:
        print(f"    {each.key.removeprefix('aten::'):<60}{each.self_cpu_time_total / 1e6:8.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--clips", type=int)
    parser.add_argument("--kept-blocks", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options, rest = parser.parse_known_args()
    if options.clips is not None and options.clips < 1:
        parser.error("--clips must be at least 1")
    if options.profile and options.device != "cpu":
        parser.error("--profile is of the CPU; leave --device out")
    device, rounds = options.device, parse_rounds(__doc__, rest)
    own_allocator = device == "cpu" and not options.kept_blocks
    if options.kept_blocks:
        keep_large_blocks()
    num_clips = options.clips or NUM_CLIPS[device]
    ours, plain = build(MaskedSizes())
    data = {bodies: make_data(ours, num_clips, bodies) for bodies in (2, 1)}
    operations = {bodies: useful_operations(ours, tensors) for bodies, tensors in data.items()}
    ours, plain = ours.to(device), plain.to(device)
    data = {bodies: [x.to(device) for x in tensors] for bodies, tensors in data.items()}
    check(ours, plain, data[2])
    optimiser = build_optimiser(ours, TrainingConfig())
    plain_optimiser = torch.optim.AdamW(plain.parameters(), lr=1e-3, foreach=False)
    has_bf16 = device == "cuda" or precision_here(TrainingConfig(precision="bf16")) == "bf16"
    dtypes = (torch.float32, torch.bfloat16) if has_bf16 else (torch.float32,)
    rates = {dtype: matmul_rate(device, dtype) for dtype in dtypes}
    for dtype, rate in rates.items():
        print(f"matrix product in {dtype}: {rate / 1e9:,.0f} GFLOP/s")

    if options.profile:
        print_profile("ours", make_step(ours, optimiser, data[2], device, False))
        print_profile("baseline", make_step(plain, plain_optimiser, data[2], device, False))
        return
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
                fast, slow = most_memory(step, device), most_memory(plain_step, device)
                print(
                    f"  peak memory   ours {fast / 2**20:.0f} MiB, "
                    f"baseline {slow / 2**20:.0f} MiB, 1 / {slow / fast:.1f}"
                )


if __name__ == "__main__":
    main()
