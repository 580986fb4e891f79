"""One training step of STJD-CL at the published setting, against a plain version that does the same.

Batch 128, 50 frames, two body slots, 25 joints, ST-GCN 16 to 256 channels, a bank of 32,768; every clip shows
one person. The plain version augments clip by clip, runs both body slots, has its ST-GCN channels first with
a 1 x 1 convolution and a product over pairs of joints, and takes the density from all pairs of joints.
Features, mask and density of the two are checked to be equal before they are timed.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, dropout

from alternate import compare, most_memory
from skelact.clips.augmentation_draws import AugmentationDraws, draw_augmentations
from skelact.clips.source import Clips
from skelact.density.learned import LearnedDensity
from skelact.models.sizes import ProjectionConfig, STGCNConfig
from skelact.models.st_gcn import STGCN, STGCNBlock
from skelact.pretraining.contrastive.losses import prime_contrast
from skelact.pretraining.contrastive.model import ContrastiveModel, masked_pool, prime_pool
from skelact.pretraining.contrastive.objective import ContrastiveObjective
from skelact.pretraining.contrastive.prime_detector import prime_mask
from skelact.pretraining.contrastive.views import Views, make_views, query_clips
from skelact.skeleton.tables import NTU_25

BATCH, SLOTS, FRAMES = 128, 2, 50


def parse() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each of the two is timed")
    parser.add_argument("--threads", type=int, default=None, help="threads of torch")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--batch", type=int, default=BATCH, help="clips of a step")
    options = parser.parse_args()
    if min(options.rounds, options.batch, options.threads or 1) < 1:
        parser.error("--rounds, --threads and --batch must be at least 1")
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    return options


def normalised(x: Tensor, norm: nn.Module, trains: bool) -> Tensor:
    """Batch normalisation of (B, C, T, V), channels first."""
    return torch.nn.functional.batch_norm(
        x, norm.running_mean, norm.running_var, norm.weight, norm.bias, trains, 0.1, 1e-5
    )


def plain_block(block: STGCNBlock, x: Tensor, drop: float) -> Tensor:
    """One block, channels first: (B, C, T, V) to (B, num_out, T / stride, V)."""
    num_out, trains = block.joints.out_features, block.training
    weight = block.joints.weight.view(num_out, 3, -1).transpose(0, 1).flatten(0, 1)  # (K * num_out, num_in)
    y = conv2d(x, weight[:, :, None, None]).unflatten(1, (3, num_out))  # (B, K, num_out, T, V)
    y = torch.einsum("bkctv,kwv->bctw", y, block.adjacency * block.edge_importance)
    y = torch.relu(normalised(y.contiguous(), block.joints_norm, trains))
    y = normalised(block.time(y), block.time_norm, trains)
    y = dropout(y, drop, trains)
    if isinstance(block.shortcut, nn.Sequential):
        linear, norm = block.shortcut
        shortcut = conv2d(x, linear.weight[:, :, None, None], stride=(block.stride, 1))
        y = y + normalised(shortcut, norm, trains)
    elif block.shortcut is not None:
        y = y + x
    return torch.relu(y)


def plain_features(network: STGCN, clips: Tensor) -> Tensor:
    """Features of all body slots, those that show nobody too."""
    num, slots, frames, joints, channels = clips.shape
    rows = clips.reshape(num * slots, frames, joints * channels).transpose(1, 2).unsqueeze(-1)
    x = normalised(rows, network.input_norm, network.training)
    x = x.squeeze(-1).view(num * slots, joints, channels, frames).permute(0, 2, 3, 1).contiguous()
    for block in network.blocks:
        x = plain_block(block, x, network.config.dropout)
    return x.permute(0, 2, 3, 1).reshape(num, slots, x.shape[2], joints, x.shape[1])


def plain_density(density: LearnedDensity, features: Tensor) -> Tensor:
    """Density (B, T', V) of (B, T', V, D) features from all pairs of joints."""
    projected = density.project(features)
    centred = projected - projected.mean((1, 2), keepdim=True)
    size = centred.detach().square().sum(-1).mean((1, 2)).sqrt().clamp(min=1e-19)
    scaled = centred / size[:, None, None, None]
    h = density.bandwidth[:, None]
    pairs = (scaled.unsqueeze(-3) - scaled.unsqueeze(-2)) / h  # (B, T', i, j, C)
    kernel = torch.exp(-pairs.square() / 2) / (h * math.sqrt(2 * math.pi))
    return kernel.prod(-1).mean(-1)


def plain_views(clips: Clips, config: ContrastiveObjective, draws: list[AugmentationDraws]) -> Views:
    """Augment clip by clip, as a data set of single samples does."""
    parts = []
    for n in range(len(clips.positions)):
        one = Clips(*(part[n : n + 1] for part in clips[:4]))
        parts.append(make_views(one, NTU_25, config, "joint", *(each[n : n + 1] for each in draws)))
    columns = zip(*parts, strict=True)
    return Views(*(None if column[0] is None else torch.cat(column) for column in columns))


def plain_step(model: ContrastiveModel, views: Views) -> Tensor:
    """The loss of a batch, with nothing left out."""
    config, present = model.config, views.present
    counts = views.key_seen.unsqueeze(2)
    with torch.no_grad():
        u = plain_features(model.key_encoder.network, views.key)
    density = plain_density(model.detector.density, u.flatten(0, 1)).view(u.shape[:-1])
    change = density.diff(dim=2).abs()
    change = torch.cat([change[:, :, :1], change], 2) * counts
    mask = prime_mask(change, counts.expand(change.shape), share=config.detector.share)
    features = plain_features(model.encoder, query_clips(views, mask, NTU_25, "joint"))
    z_q = model.head(masked_pool(features, torch.ones_like(mask), present))
    prime, other = prime_pool(u, mask, present)
    return prime_contrast(z_q, model.key_head(prime), model.key_head(other), model.bank.keys).mean()


def check(model: ContrastiveModel, views: Views) -> None:
    """The two compute the same: without dropout and batch statistics, up to the slots that show nobody."""
    model.eval()
    with torch.no_grad():
        ours = model(views).loss
        torch.testing.assert_close(plain_step(model, views), ours, rtol=1e-4, atol=1e-4)
    model.train()


def build(device: torch.device, batch: int) -> tuple[Callable[..., float], Callable[[], float]]:
    """Return a step of ours, which can be told to use bfloat16, and a plain one; checked to be the same."""
    torch.backends.cudnn.allow_tf32 = False  # float32 is what is compared
    generator = torch.Generator().manual_seed(0)
    shape = (batch, SLOTS, FRAMES, 25, 3)
    present = torch.zeros(shape[:2], dtype=torch.bool)
    present[:, 0] = True
    positions = torch.randn(shape, generator=generator).cumsum(2) * 0.05 * present[:, :, None, None, None]
    where = torch.arange(batch)
    clips = Clips(*(part.to(device) for part in (positions, present, where, where)))
    config = ContrastiveObjective()
    torch.manual_seed(0)
    model = ContrastiveModel(STGCNConfig(), ProjectionConfig(), config, NTU_25).to(device).train()
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-4, momentum=0.9)
    draws = [draw_augmentations(shape, config.strong, generator) for _ in range(2)]
    few = Clips(*(part[:8] for part in clips[:4]))
    check(model, make_views(few, NTU_25, config, "joint", *(each[:8] for each in draws)))

    def finish(loss: Tensor, keys: Tensor) -> float:
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        model.advance(keys)
        return loss.item()  # waits for the device

    def ours(bf16: bool = False) -> float:
        views = make_views(clips, NTU_25, config, "joint", *draws)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            output = model(views)
        return finish(output.loss, output.key)

    def plain() -> float:
        loss = plain_step(model, plain_views(clips, config, draws))
        return finish(loss, torch.zeros(0, 128, device=device))

    return ours, plain


def main() -> None:
    options = parse()
    device = torch.device(options.device)
    ours, plain = build(device, options.batch)
    compare("STJD-CL step", ours, plain, options.rounds, work=options.batch, unit="clips")
    for name, step in (("ours", ours), ("baseline", plain)):
        held = most_memory(step, device.type) / 2**20
        print(f"  peak memory beyond weights and bank, {name}: {held:,.0f} MiB")


if __name__ == "__main__":
    main()
