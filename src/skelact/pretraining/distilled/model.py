"""Learning without a decoder: who sees little must say what a teacher says of the whole, or how it moves.

The teacher is a slow average of the student. From two whole crops it gives shares of prototypes: of the class
token, and of every token. The student sees the same sequence as crops with hidden tokens and as short
stretches. Its class token should agree with the teacher's of the other crop, its hidden tokens with what the
teacher makes of them. Where hidden tokens are asked for their motion alone, as in STJD-D, nothing is left
for a teacher to say, and there is none.

Sources: SLiM, arXiv 2603.10648; Caron et al., *DINO*, ICCV 2021; Zhou et al., *iBOT*, ICLR 2022; Baevski et
al., *data2vec*, ICML 2022; for what prime joints do here, Gunasekara et al., IEEE TBIOM 7(4), 2025.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import normalize

from skelact.models.backbone import Module
from skelact.models.rotary_block import rotary_turns
from skelact.models.token_encoder import Encoded, TokenEncoder
from skelact.models.token_sizes import PrototypeConfig, TokenEncoderConfig
from skelact.pretraining.distilled.heads import Predictor, PrototypeHead, RegressionHead, UnitHead
from skelact.pretraining.distilled.losses import (
    agreement,
    contrast,
    regression,
    regression_target,
    sinkhorn,
    spread,
    standardised,
    told_apart,
)
from skelact.pretraining.distilled.objective import DistilledObjective
from skelact.pretraining.distilled.views import DistilledViews, PrimeStretch, Stretch, steps_of
from skelact.pretraining.momentum import follow
from skelact.skeleton.topology import Topology

PARTS = ("class", "masked", "spread", "prime", "other")
"""The parts of the loss, in the order of :attr:`DistilledOutput.parts`."""


class DistilledOutput(NamedTuple):
    """What one pass gives, for the S of N sequences that both crops show somebody of."""

    loss: Tensor
    """() mean over the S sequences."""
    parts: Tensor
    """(5,) the parts of it before they are weighted, see :data:`PARTS`; 0 where a part has no weight."""
    student: Tensor
    """(S, E) class tokens of the first crops by the student's head, without gradient."""
    teacher: Tensor
    """(S, E) those of the second crops by the teacher's."""
    usage: Tensor
    """(K,) the teacher's mean shares of the prototypes of class tokens; empty where they have none."""


class _Whole(NamedTuple):
    """What the teacher says of S sequences as wholes, in two crops."""

    unit: Tensor
    """(2, S, E) its class tokens by its head."""
    shares: Tensor
    """(2, S, K) their shares of prototypes; empty where there are none."""


class _ClassTokens(NamedTuple):
    """Vectors of N sequences in two crops."""

    values: Tensor
    """(2, N, D) the mean over bodies."""
    shown: Tensor
    """(2, N) bool, False where nobody was seen."""


class _HiddenTokens(NamedTuple):
    """The hidden tokens of all rows of one kind of view."""

    student: Tensor
    """(H, D)."""
    wanted: tuple[Tensor, ...]
    """(H, D) the teacher's tokens; for regression the outputs of its last blocks; or (H, p C) motion."""
    weight: Tensor
    """(H,) 1 / the hidden tokens of the same row."""
    sequence: Tensor
    """(H,)."""
    rows: Tensor
    """(N,) rows of each sequence that hide anything."""


class DistilledModel(nn.Module):
    """Student and teacher, each with its heads.

    ``encoder`` is the teacher's: the average is what is used afterwards. The teacher gets no gradient; it
    moves on when :meth:`advance` is called.

    Args:
        encoder: sizes of the encoder.
        head: sizes of the heads.
        config: what the student is asked.
        topology: the skeleton.
        stream: what the encoder sees of positions, one of :data:`skelact.clips.streams.STREAMS`.

    Raises:
        ConfigurationError: sizes or augmentations that do not fit the skeleton.
    """

    def __init__(
        self,
        encoder: TokenEncoderConfig,
        head: PrototypeConfig,
        config: DistilledObjective,
        topology: Topology,
        stream: str,
    ) -> None:
        super().__init__()
        config.augmentation.check_skeleton(topology, encoder.num_coordinates, "--distil.augmentation")
        self.config, self.topology, self.stream = config, topology, stream
        student = TokenEncoder(encoder, topology)
        self.mask_token = nn.Parameter(torch.empty(encoder.width))
        nn.init.normal_(self.mask_token, std=0.02)
        self.class_head: UnitHead | None = None
        if config.needs_class_tokens:
            has_prototypes = config.class_target == "prototypes"
            self.class_head = (PrototypeHead if has_prototypes else UnitHead)(encoder.width, head)
        self.token_head: PrototypeHead | RegressionHead | None = None
        if config.masked_weight > 0 and config.target == "prototypes":
            self.token_head = PrototypeHead(encoder.width, head)
        elif config.masked_weight > 0:
            of_patch = encoder.patch_frames * encoder.num_coordinates
            num_out = of_patch if config.target == "motion" else encoder.width
            self.token_head = RegressionHead(encoder.width, head.hidden, num_out)
        self.predictor: Predictor | None = None
        if config.masked_weight > 0 and config.hiding == "drop":
            self.predictor = Predictor(encoder.width, encoder.num_heads, encoder.hidden)
        elif config.hiding == "drop":
            self.mask_token.requires_grad_(False)  # nothing asks for it
        self.encoder = student
        self.teacher_class_head: UnitHead | None = None
        self.teacher_token_head: PrototypeHead | None = None
        if config.needs_teacher:
            self.student, self.encoder = student, _still(student)
        if self.class_head is not None:
            self.teacher_class_head = _still(self.class_head)
        if isinstance(self.token_head, PrototypeHead):
            self.teacher_token_head = _still(self.token_head)

    @property
    def learner(self) -> TokenEncoder:
        """The encoder that the loss trains: the student, or, without a teacher, the only one."""
        return self.student if self.config.needs_teacher else self.encoder

    def forward(self, views: DistilledViews) -> DistilledOutput:
        """Compare what student and teacher say of N sequences, or what is told of hidden motion with it."""
        config = self.config
        tau = config.teacher_tau_at(views.progress)
        whole, teacher = None, None
        valid = (_num_bodies(views, views.is_there) > 0).all(0)  # (N,)
        if config.needs_teacher:
            with torch.no_grad():
                num_blocks = config.target_blocks if config.target == "regression" else 0
                whole = self.encoder.encode(views.patches, views.is_there, num_blocks=num_blocks)
                if config.needs_class_tokens:
                    of_teacher = self._class_tokens(whole.summary, views, views.is_there)
                    teacher = self._whole(of_teacher.values[:, valid], tau)
        everything = Stretch(torch.zeros_like(views.crop), views.hidden)
        wanted = self._wanted(views, whole) if config.masked_weight > 0 else ()
        class_tokens, hidden = [], []
        for stretch in (everything, *views.stretches):
            num_steps = stretch.hidden.shape[1]
            patches, is_there = (
                steps_of(each, stretch.start, num_steps) for each in (views.patches, views.is_there)
            )
            summary, tokens = self._see(patches, is_there, stretch.hidden)
            class_tokens.append(self._class_tokens(summary, views, is_there))
            if tokens is not None:
                hidden.append(self._hidden_tokens(tokens, wanted, stretch, views))
        crops = class_tokens[0]
        parts = dict.fromkeys(PARTS, crops.values.sum() * 0)
        if config.masked_weight > 0:
            parts["masked"] = self._masked_loss(hidden, valid, tau)
        if config.spread_weight > 0:
            parts["spread"] = torch.stack([spread(each) for each in crops.values[:, valid]]).mean()
        if teacher is None:  # signs of collapse are looked for in what the student saw
            of_crops = normalize(crops.values[:, valid].detach().float(), dim=-1)
            return self._output(parts, of_crops[0], of_crops[1], of_crops.new_zeros(0))
        assert self.class_head is not None
        unit = self.class_head(torch.stack([each.values for each in class_tokens])[:, :, valid])
        shown = torch.stack([each.shown for each in class_tokens])[:, :, valid]  # (W, 2, S)
        parts["class"] = self._class_loss(unit, shown, teacher)
        if views.prime is not None:
            parts["prime"], parts["other"] = self._prime_losses(views.prime, views, valid, teacher)
        return self._output(parts, unit[0, 0].detach(), teacher.unit[1], teacher.shares.mean((0, 1)))

    def _output(
        self, parts: dict[str, Tensor], student: Tensor, teacher: Tensor, usage: Tensor
    ) -> DistilledOutput:
        weighted = [getattr(self.config, f"{name}_weight") * parts[name] for name in PARTS]
        together = torch.stack([parts[name].detach() for name in PARTS])
        return DistilledOutput(torch.stack(weighted).sum(), together, student, teacher, usage)

    def _whole(self, class_tokens: Tensor, tau: float) -> _Whole:
        """Return what the teacher says of the (2, S, D) class tokens of whole crops."""
        assert self.teacher_class_head is not None
        unit = self.teacher_class_head(class_tokens)
        if not isinstance(self.teacher_class_head, PrototypeHead):
            return _Whole(unit, unit[..., :0])
        shares = sinkhorn(self.teacher_class_head.cosines(unit).flatten(0, 1), tau)
        return _Whole(unit, rearrange(shares, "(c S) K -> c S K", c=2))

    def _class_losses(self, unit: Tensor, teacher: _Whole) -> Tensor:
        """Return the (2, ..., S) losses of the student's (..., S, E), against either crop of the teacher."""
        config = self.config
        if not isinstance(self.class_head, PrototypeHead):
            return torch.stack([contrast(unit, of, config.contrast_tau) for of in teacher.unit])
        cosines = self.class_head.cosines(unit)
        return torch.stack([agreement(cosines, of, config.student_tau) for of in teacher.shares])

    def _wanted(self, views: DistilledViews, whole: Encoded | None) -> tuple[Tensor, ...]:
        """Return what hidden tokens are asked for: (B, T', V, ...) of every token."""
        if views.motion is not None:
            return (standardised(views.motion, views.is_there),)
        assert whole is not None  # these come from the teacher
        return whole.blocks or (whole.tokens,)

    def _see(self, patches: Tensor, is_there: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the (B, D) class tokens of what is not hidden, and the (H, D) hidden tokens where asked for.

        Of dropped tokens, where no loss is of class tokens, the mean of the others stands for them.
        """
        if self.config.hiding == "replace":
            encoded = self.learner.encode(patches, is_there, hidden=hidden, mask_token=self.mask_token)
            tokens = encoded.tokens.flatten(0, 2)[hidden.flatten()] if self.config.masked_weight > 0 else None
            return encoded.summary, tokens
        seen = self.learner.encode_visible(patches, is_there & ~hidden)
        has_use = self.config.needs_class_tokens or self.config.spread_weight > 0
        summary = seen.summary if has_use else seen.mean()
        if self.predictor is None:
            return summary, None
        # each body's hidden tokens first, as many as the most that one has
        asked, num_joints = hidden.flatten(1), hidden.shape[2]
        most = int(asked.sum(1).max()) if len(asked) else 0
        order = (~asked).to(torch.uint8).argsort(dim=1, stable=True)[:, :most]
        queries = (self.learner.joints() + self.mask_token)[order % num_joints]
        width = self.learner.config.width // self.learner.config.num_heads
        tokens = self.predictor(queries, rotary_turns((order // num_joints).unsqueeze(1), width), seen)
        return summary, tokens[asked.gather(1, order)]

    def _class_tokens(self, summary: Tensor, views: DistilledViews, is_there: Tensor) -> _ClassTokens:
        """Return the mean of the (B, D) class tokens of each sequence's bodies that show anything."""
        num_bodies = _num_bodies(views, is_there)
        counts = is_there.flatten(1).any(1, keepdim=True)
        sums = summary.new_zeros(num_bodies.numel(), summary.shape[1], dtype=torch.float32)
        sums = sums.index_add(0, _places(views), summary.float() * counts)
        values = sums.view(*num_bodies.shape, -1) / num_bodies.clamp(min=1).unsqueeze(-1)
        return _ClassTokens(values, num_bodies > 0)

    def _class_loss(self, unit: Tensor, shown: Tensor, teacher: _Whole) -> Tensor:
        """Return the mean loss over sequences, and over the pairs of views of each.

        The student's crop is compared with the teacher's other one, a stretch with both.

        Args:
            unit: (W, 2, S, E) the student's, of the crops and of W - 1 kinds of stretches.
            shown: (W, 2, S) bool.
            teacher: what the teacher says of the same sequences.
        """
        pairs = self._class_losses(unit, teacher)  # (2, W, 2, S)
        counts = shown.expand_as(pairs).clone()
        counts[0, 0, 0] = counts[1, 0, 1] = False  # a crop is not compared with itself
        return _mean_of_means(pairs, counts)

    def _hidden_tokens(
        self, tokens: Tensor, wanted: tuple[Tensor, ...], stretch: Stretch, views: DistilledViews
    ) -> _HiddenTokens:
        """Return the (H, D) hidden tokens of a stretch of B rows with what is wanted of them."""
        hidden = stretch.hidden
        places = hidden.flatten().nonzero()[:, 0]
        row = places // hidden[0].numel()
        counts = hidden.flatten(1).sum(1)
        rows = torch.zeros(views.num_sequences, device=hidden.device)
        of_stretch = (steps_of(each, stretch.start, hidden.shape[1]) for each in wanted)
        return _HiddenTokens(
            tokens,
            tuple(each.flatten(0, 2).index_select(0, places) for each in of_stretch),
            1 / counts[row].float(),
            views.sequence[row],
            rows.index_add(0, views.sequence, (counts > 0).float()),
        )

    def _masked_loss(self, hidden: list[_HiddenTokens], valid: Tensor, tau: float) -> Tensor:
        """Return the mean over sequences, of each over its views, of each over its hidden tokens."""
        student = torch.cat([each.student for each in hidden])
        wanted = [torch.cat(parts) for parts in zip(*(each.wanted for each in hidden), strict=True)]
        assert self.token_head is not None  # there is one where hidden tokens have a weight
        told = self.token_head(student)
        if isinstance(self.token_head, PrototypeHead):
            assert self.teacher_token_head is not None
            with torch.no_grad():
                of_teacher = self.teacher_token_head(wanted[0])
                shares = sinkhorn(self.teacher_token_head.cosines(of_teacher), tau)
            losses = agreement(self.token_head.cosines(told), shares, self.config.student_tau)
        elif self.config.target == "motion":
            losses = (told.float() - wanted[0]).square().mean(-1)
        else:
            losses = regression(told, regression_target(wanted))
        losses = losses * torch.cat([each.weight for each in hidden])
        rows = torch.stack([each.rows for each in hidden]).sum(0)  # (N,)
        sums = torch.zeros_like(rows).index_add(0, torch.cat([each.sequence for each in hidden]), losses)
        return (sums / rows.clamp(min=1))[valid].mean()

    def _prime_losses(
        self, prime: PrimeStretch, views: DistilledViews, valid: Tensor, teacher: _Whole
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of prime views, and how far the other joints are from being told apart."""
        config = self.config
        num_steps = config.prime_frames // self.encoder.config.patch_frames
        num_prime = max(1, round(config.prime_share * views.patches.shape[2]))
        assert self.class_head is not None
        units: list[Tensor] = []
        shown: list[Tensor] = []
        for joints in prime.joints[:, :num_prime], prime.joints[:, num_prime:]:
            if units and config.other_weight == 0:
                break
            patches, is_there = (
                _joints_of(steps_of(each, prime.start, num_steps), joints)
                for each in (views.patches, views.is_there)
            )
            encoded = self.learner.encode(patches, is_there, joints=joints, summary_alone=True)
            tokens = self._class_tokens(encoded.summary, views, is_there)
            units.append(self.class_head(tokens.values[:, valid]))
            shown.append(tokens.shown[:, valid])
        pairs = self._class_losses(units[0], teacher)  # (2, 2, S)
        found = _mean_of_means(pairs, shown[0].expand_as(pairs))
        if config.other_weight == 0:
            return found, found.detach() * 0
        # each crop's joints against the sequence in either crop
        apart = told_apart(teacher.unit.unsqueeze(1), units[0], units[1], config.student_tau)  # (2, 2, S)
        return found, _mean_of_means(apart, (shown[0] & shown[1]).expand_as(apart))

    @torch.no_grad()
    def advance(self, progress: float) -> None:
        """Let the teacher follow; called once after every step of the optimiser, in every process.

        Args:
            progress: share of the run that is done.
        """
        if not self.config.needs_teacher:
            return
        momentum = self.config.momentum_at(progress)
        follow(self.encoder, self.student, momentum)
        if self.teacher_class_head is not None and self.class_head is not None:
            follow(self.teacher_class_head, self.class_head, momentum)
        if self.teacher_token_head is not None and self.token_head is not None:
            follow(self.teacher_token_head, self.token_head, momentum)


def _places(views: DistilledViews) -> Tensor:
    """Return the (B,) places of rows among the crops of all sequences, the first crops before the second."""
    return views.crop * views.num_sequences + views.sequence


def _num_bodies(views: DistilledViews, is_there: Tensor) -> Tensor:
    """Return the (2, N) bodies of each crop that show anything, by the (B, t, V) tokens that are there."""
    counts = is_there.flatten(1).any(1).float()
    total = counts.new_zeros(2 * views.num_sequences).index_add(0, _places(views), counts)
    return total.view(2, -1)


def _still(network: Module) -> Module:
    """Return a copy that gets no gradient."""
    return copy.deepcopy(network).requires_grad_(False)


def _joints_of(x: Tensor, joints: Tensor) -> Tensor:
    """Return (B, T', K, ...) of (B, T', V, ...), each row's (B, K) joints."""
    rows = torch.arange(len(x), device=x.device).view(-1, 1, 1)
    steps = torch.arange(x.shape[1], device=x.device).view(1, -1, 1)
    return x[rows, steps, joints.unsqueeze(1)]


def _mean_of_means(values: Tensor, counts: Tensor) -> Tensor:
    """Return the mean over S sequences of each one's mean over what counts, of (..., S) values."""
    weight = counts.to(values.dtype).flatten(0, -2)
    per_sequence = (values.flatten(0, -2) * weight).sum(0) / weight.sum(0).clamp(min=1)
    return per_sequence.mean()
