"""One STJD-MP training step at the paper's sizes: 4 clips of 2 body slots, 120 frames, float32.

The baseline is the plain way: attention by explicit softmax, absent bodies run as zeros, all tokens predicted
before the hidden ones are looked at, one kernel a parameter in the optimiser.
"""

import torch
from einops import rearrange
from torch import Tensor, nn

from alternate import compare, parse_rounds, peak_memory
from skelact.models.registry import ModelConfig
from skelact.pretraining.masked_motion import MaskedMotionConfig, MaskedMotionModel
from skelact.training.config import TrainingConfig
from skelact.training.optimisers import build_optimiser

NUM_CLIPS, NUM_SLOTS, NUM_FRAMES, NUM_JOINTS = 4, 2, 120, 25


class ExplicitAttention(nn.Module):
    """Softmax of the whole (L, L) matrix of scores, which stays in memory for the backward pass."""

    def __init__(self, like: nn.Module) -> None:
        super().__init__()
        self.num_heads, self.qkv, self.out = like.num_heads, like.qkv, like.out

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = rearrange(self.qkv(x), "B L (three H E) -> three B H L E", three=3, H=self.num_heads)
        scores = (q @ k.mT) * q.shape[-1] ** -0.5
        return self.out(rearrange(scores.softmax(-1) @ v, "B H L E -> B L (H E)"))


class PlainModel(MaskedMotionModel):
    """The same computation, done plainly."""

    def forward(self, clips: Tensor, present: Tensor, uniform: Tensor) -> Tensor:
        bodies, is_present = clips.flatten(0, 1), present.flatten()
        patches = rearrange(bodies, "B (t p) V C -> B t V (p C)", p=self.encoder.config.patch_frames)
        with torch.no_grad():
            selection = self.select(patches, is_present, uniform.flatten(0, 1))
            target = self.target(bodies)
        tokens = self.encoder.embed(patches.flatten(1, 2)) + self.encoder.positions()
        x = tokens.gather(1, selection.keep.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))
        for block in self.encoder.blocks:
            x = block(x)
        prediction = self.decoder(self.encoder.norm(x), selection.keep)  # every token
        is_hidden = selection.is_hidden.float()
        loss_per_token = (prediction - target).square().mean(-1)
        return (loss_per_token * is_hidden).sum() / is_hidden.sum()


def main() -> None:
    rounds = parse_rounds(__doc__)
    torch.manual_seed(0)
    sizes = ModelConfig()
    encoder = sizes.encoder(NUM_JOINTS, 3, NUM_FRAMES)
    ours = MaskedMotionModel(encoder, sizes.decoder(), MaskedMotionConfig())
    plain = PlainModel(encoder, sizes.decoder(), MaskedMotionConfig(absent="include"))
    plain.load_state_dict(ours.state_dict())
    for block in [*plain.encoder.blocks, *plain.decoder.blocks]:
        block.attention = ExplicitAttention(block.attention)
    optimiser = build_optimiser(ours, TrainingConfig())
    plain_optimiser = torch.optim.AdamW(plain.parameters(), lr=1e-3, foreach=False)
    clips = torch.randn(NUM_CLIPS, NUM_SLOTS, NUM_FRAMES, NUM_JOINTS, 3).cumsum(2) * 0.01
    uniform = torch.rand(NUM_CLIPS, NUM_SLOTS, encoder.num_tokens)

    for bodies in (2, 1):
        present = torch.ones(NUM_CLIPS, NUM_SLOTS, dtype=torch.bool)
        present[:, bodies:] = False
        shown = clips * present[..., None, None, None]

        def step(present: Tensor = present, shown: Tensor = shown) -> None:
            ours(shown, present, uniform).loss.backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

        def plain_step(present: Tensor = present, shown: Tensor = shown) -> None:
            plain(shown, present, uniform).backward()
            plain_optimiser.step()
            plain_optimiser.zero_grad(set_to_none=True)

        if bodies == 2:  # the same loss, before anything is trained
            torch.testing.assert_close(ours(shown, present, uniform).loss, plain(shown, present, uniform))
        name = f"pre-training step, {bodies} of {NUM_SLOTS} bodies present"
        compare(name, step, plain_step, rounds, work=NUM_CLIPS, unit="clips")
        fast, slow = peak_memory(step), peak_memory(plain_step)
        print(
            f"  peak memory   ours {fast / 2**20:.0f} MiB, "
            f"baseline {slow / 2**20:.0f} MiB, 1 / {slow / fast:.1f}"
        )


if __name__ == "__main__":
    main()
