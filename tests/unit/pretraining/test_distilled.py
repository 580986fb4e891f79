import math
from dataclasses import replace

import pytest
import torch

from skelact.clips.source import Clips
from skelact.density.positions import clip_density_change, density_change, joint_density
from skelact.errors import ConfigurationError
from skelact.models.token_sizes import PrototypeConfig, TokenEncoderConfig
from skelact.pretraining.distilled.losses import agreement, sinkhorn
from skelact.pretraining.distilled.model import PARTS, DistilledModel
from skelact.pretraining.distilled.objective import CropAugmentation, DistilledObjective
from skelact.pretraining.distilled.views import draw_views, make_views, steps_of
from skelact.skeleton.tables import NTU_25
from skelact.skeleton.topology import Topology

SIZES = TokenEncoderConfig(num_joints=25, patch_frames=4, width=16, depth=2, num_heads=2)
HEAD = PrototypeConfig(hidden=12, bottleneck=6, prototypes=10)
NONE = CropAugmentation(flip=False, noise=False, axis_mask=False)
SLIM = DistilledObjective(local_frames=(8, 4))
PRIME = replace(SLIM, tubes="density", prime_weight=1.0, other_weight=0.5, prime_frames=8)
MOTION = DistilledObjective(
    class_weight=0.0, spread_weight=0.0, target="motion", hiding="drop", mask_both=True
)
VARIANTS = {
    "slim": SLIM,
    "regression": replace(SLIM, target="regression", target_blocks=2),
    "contrast": replace(SLIM, class_target="contrast", contrast_tau=0.2),
    "contrast alone": replace(PRIME, class_target="contrast", masked_weight=0.0, spread_weight=0.0),
    "motion": replace(SLIM, target="motion", hiding="drop", mask_both=True),
    "motion alone": MOTION,
    "dropped": replace(SLIM, hiding="drop"),
    "class tokens alone": replace(SLIM, masked_weight=0.0, spread_weight=0.0),
    "prime views": PRIME,
    "prime views without the others": replace(PRIME, other_weight=0.0),
}


def clips(num=4, frames=16, seed=1, with_gaps=True):
    generator = torch.Generator().manual_seed(seed)
    positions = torch.randn(num, 2, frames, 25, 3, generator=generator).cumsum(2) * 0.1
    present = torch.tensor([[True, n % 2 == 1] for n in range(num)])
    positions = positions * present[:, :, None, None, None]
    seen = present[..., None, None].expand(num, 2, frames, 25).clone()
    seen[0, 0, :, [7, 21, 22]] = False
    seen[1, 1, 8:] = False
    where = torch.arange(num)
    return Clips(positions, present, where, where, None, seen if with_gaps else None)


def views_of(config, seed=0, stream="joint", progress=0.0, part=slice(None), **more):
    pair = [clips(seed=number, **more) for number in (1, 2)]
    shape = tuple(pair[0].positions.shape)
    draws = draw_views(shape, 4, config, NTU_25, torch.Generator().manual_seed(seed)).share(part)
    own = [
        Clips(*(value[part] if isinstance(value, torch.Tensor) else value for value in each)) for each in pair
    ]
    return make_views(own, NTU_25, config, stream, 4, draws, progress)


def model_of(config, stream="joint"):
    torch.manual_seed(0)
    return DistilledModel(SIZES, HEAD, config, NTU_25, stream)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_student_gets_gradients_and_the_teacher_none(name):
    config = VARIANTS[name]
    model = model_of(config)
    output = model(views_of(config))
    output.loss.backward()
    students = {"student", "mask_token", "class_head", "token_head", "predictor"}
    if not config.needs_teacher:
        assert {key.split(".")[0] for key, _ in model.named_parameters()} == students - {
            "student",
            "class_head",
        } | {"encoder"}
        students.add("encoder")
    for key, parameter in model.named_parameters():
        learns = key.split(".")[0] in students
        assert parameter.requires_grad == learns, key
        if learns:
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key
            assert config.masked_weight == 0 or parameter.grad.any(), key
    weights = torch.tensor([getattr(config, f"{part}_weight") for part in PARTS])
    torch.testing.assert_close(output.loss.detach(), (weights * output.parts).sum())
    assert ((output.parts != 0) == (weights > 0)).all()
    assert output.student.shape == output.teacher.shape == (4, 6 if config.needs_teacher else 16)
    if config.needs_teacher and config.class_target == "prototypes":
        torch.testing.assert_close(output.usage.sum(), torch.tensor(1.0))


def test_views_hide_what_they_should_and_stretches_are_those_of_the_crops():
    views = views_of(SLIM)
    assert views.patches.shape == (12, 4, 25, 12)
    assert torch.equal(views.sequence, torch.tensor([0, 1, 1, 2, 3, 3] * 2))
    assert torch.equal(views.crop, torch.tensor([0] * 6 + [1] * 6))
    assert not views.hidden[~views.is_there].any()
    assert views.is_there[0, :, 7].any() != views.is_there[0, :, 11].any()  # either side, by the flip
    share = views.hidden.flatten(1).sum(1) / views.is_there.flatten(1).sum(1)
    for sequence in range(4):
        of_crops = [share[(views.sequence == sequence) & (views.crop == crop)] for crop in (0, 1)]
        is_masked = [bool((part > 0).any()) for part in of_crops]
        assert is_masked in ([True, False], [False, True])
        masked = of_crops[is_masked.index(True)]
        assert ((masked > 0.48) & (masked < 0.92)).all()
    for stretch, num_steps in zip(views.stretches, (2, 1), strict=True):
        assert stretch.hidden.shape == (12, num_steps, 25)
        assert ((stretch.start >= 0) & (stretch.start + num_steps <= 4)).all()
        there = steps_of(views.is_there, stretch.start, num_steps)
        assert not stretch.hidden[~there].any()
        for row in range(12):
            begin = int(stretch.start[row])
            assert torch.equal(there[row], views.is_there[row, begin : begin + num_steps])
            if there[row].sum() > 1:
                assert 0 < stretch.hidden[row].sum() < there[row].sum()


def test_processes_that_share_a_batch_make_the_views_of_one():
    whole = views_of(PRIME)
    parts = [views_of(PRIME, part=part) for part in (slice(0, 2), slice(2, 4))]
    for number, part in enumerate(parts):
        rows = (whole.sequence // 2 == number).nonzero()[:, 0]
        for name in ("patches", "is_there", "hidden"):
            torch.testing.assert_close(getattr(part, name), getattr(whole, name)[rows])
        for own, of_whole in zip(part.stretches, whole.stretches, strict=True):
            assert torch.equal(own.hidden, of_whole.hidden[rows])
        assert torch.equal(part.prime.joints, whole.prime.joints[rows])


def test_prime_joints_are_those_whose_density_changes_most_in_the_stretch():
    config = replace(PRIME, augmentation=NONE, limb_scale=(1.0, 1.0))
    views = views_of(config, with_gaps=False)
    pair = [clips(seed=number) for number in (1, 2)]
    bodies = torch.cat([each.positions[each.present] for each in pair])
    for row, body in enumerate(bodies):
        change = density_change(joint_density(body)).unflatten(0, (4, 4)).mean(1)  # (T', V)
        begin = int(views.prime.start[row])
        sums = change[begin : begin + 2].sum(0)
        torch.testing.assert_close(sums[views.prime.joints[row]], sums.sort(descending=True).values)
    torch.testing.assert_close(
        clip_density_change(bodies), torch.stack([density_change(joint_density(body)) for body in bodies])
    )


@torch.no_grad()
def test_the_class_loss_equals_plain_loops():
    config = replace(SLIM, masked_weight=0.0, spread_weight=0.0)
    model, views = model_of(config), views_of(config, with_gaps=False)
    output = model(views)

    def of_clips(summary, rows):
        return torch.stack(
            [
                torch.stack(
                    [summary[rows & (views.crop == c) & (views.sequence == n)].mean(0) for n in range(4)]
                )
                for c in (0, 1)
            ]
        )

    everyone = torch.ones(12, dtype=torch.bool)
    teacher = of_clips(model.encoder.encode(views.patches).summary, everyone)
    head = model.teacher_class_head
    shares = sinkhorn(head.cosines(head(teacher)).flatten(0, 1), 0.04).view(2, 4, 10)
    student = [model.student.encode(views.patches, hidden=views.hidden, mask_token=model.mask_token)]
    for stretch in views.stretches:
        patches = steps_of(views.patches, stretch.start, stretch.hidden.shape[1])
        student.append(model.student.encode(patches, hidden=stretch.hidden, mask_token=model.mask_token))
    logits = [
        model.class_head.cosines(model.class_head(of_clips(each.summary, everyone))) for each in student
    ]
    total = 0.0
    for n in range(4):
        pairs = [
            float(agreement(logits[view][c, n], shares[t, n], 0.1))
            for view in range(3)
            for c in (0, 1)
            for t in (0, 1)
            if view > 0 or c != t
        ]
        total += sum(pairs) / len(pairs) / 4
    assert float(output.loss) == pytest.approx(total, rel=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("target", ["prototypes", "regression"])
def test_the_loss_of_hidden_tokens_equals_plain_loops(target):
    config = replace(SLIM, target=target)
    config = replace(config, target_blocks=2) if target == "regression" else config
    model, views = model_of(config), views_of(config)
    output = model(views)
    whole = model.encoder.encode(views.patches, views.is_there, num_blocks=2)
    kinds = [(views.hidden, None), *((stretch.hidden, stretch.start) for stretch in views.stretches)]
    students, teachers, where = [], [], []
    for number, (hidden, start) in enumerate(kinds):
        num_steps = hidden.shape[1]
        begin = torch.zeros(12, dtype=torch.int64) if start is None else start
        patches, there = (steps_of(each, begin, num_steps) for each in (views.patches, views.is_there))
        encoded = model.student.encode(patches, there, hidden=hidden, mask_token=model.mask_token)
        for row in range(12):
            for t in range(num_steps):
                for v in range(25):
                    if hidden[row, t, v]:
                        place = int(begin[row]) + t
                        students.append(encoded.tokens[row, t, v])
                        blocks = whole.blocks if target == "regression" else (whole.tokens,)
                        teachers.append(torch.stack([each[row, place, v] for each in blocks]))
                        where.append((int(views.sequence[row]), number, row))
    student, teacher = torch.stack(students), torch.stack(teachers)
    if target == "regression":
        normed = torch.nn.functional.layer_norm(teacher, (16,)).mean(1)
        wanted = torch.nn.functional.layer_norm(normed, (16,))
        losses = torch.nn.functional.smooth_l1_loss(model.token_head(student), wanted, reduction="none").mean(
            1
        )
    else:
        asked, head = model.token_head, model.teacher_token_head
        shares = sinkhorn(head.cosines(head(teacher[:, 0])), 0.04)
        losses = agreement(asked.cosines(asked(student)), shares, 0.1)
    total = 0.0
    for sequence in range(4):
        of_rows = {}
        for loss, key in zip(losses.tolist(), where, strict=True):
            if key[0] == sequence:
                of_rows.setdefault(key, []).append(loss)
        total += sum(sum(row) / len(row) for row in of_rows.values()) / len(of_rows) / 4
    assert float(output.parts[PARTS.index("masked")]) == pytest.approx(total, rel=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("hiding", ["replace", "drop"])
def test_the_motion_of_hidden_tokens_is_that_of_their_frames_normalised_over_the_crop(hiding):
    config = replace(MOTION, hiding=hiding, mask_both=False)
    model, views = model_of(config), views_of(config, with_gaps=False)
    output = model(views)
    if hiding == "replace":
        encoded = model.encoder.encode(views.patches, hidden=views.hidden, mask_token=model.mask_token)
        told = encoded.tokens[views.hidden]
    else:
        told = model._see(views.patches, views.is_there, views.hidden)[1]
    student = dict(zip(map(tuple, views.hidden.nonzero().tolist()), told, strict=True))
    total = 0.0
    for row in range(12):
        frames = views.patches[row].view(4, 25, 4, 3).transpose(1, 2).flatten(0, 1)  # (T, V, C)
        moved = torch.zeros_like(frames)
        for t in range(15):
            moved[t] = frames[t + 1] - frames[t]
        wanted = (moved - moved.mean()) / (moved.var() + 1e-6).sqrt()
        losses = [
            (model.token_head(student[row, t, v]) - wanted[4 * t : 4 * t + 4, v].flatten()).square().mean()
            for t, v in views.hidden[row].nonzero().tolist()
        ]
        if losses:  # of each sequence one crop hides tokens, of one body or two
            num_bodies = 1 + int(views.sequence[row]) % 2
            total += float(torch.stack(losses).mean()) / num_bodies / 4
    assert float(output.loss) == pytest.approx(total, rel=1e-4)


def test_dropped_tokens_are_as_if_they_were_not_there():
    config = replace(SLIM, hiding="drop")
    model, views = model_of(config), views_of(config)
    changed = views._replace(patches=views.patches + 5 * views.hidden.unsqueeze(-1))
    for stretch in views.stretches:  # another stretch may show what one hides: look at the crops alone
        assert stretch.hidden.any()
    a, b = (model._see(each.patches, each.is_there, each.hidden) for each in (views, changed))
    torch.testing.assert_close(a[0], b[0])
    torch.testing.assert_close(a[1], b[1])
    visible = views.is_there & ~views.hidden
    torch.testing.assert_close(a[0], model.student.encode(views.patches, visible).summary)


def test_the_teacher_follows_and_its_momentum_and_temperature_rise():
    model = model_of(SLIM)
    with torch.no_grad():
        for parameter in model.student.parameters():
            parameter.add_(1.0)
    before = model.encoder.norm.weight.clone()
    model.advance(0.0)
    torch.testing.assert_close(model.encoder.norm.weight, before + 0.006)
    assert SLIM.momentum_at(0.5) == pytest.approx(0.997)
    assert SLIM.momentum_at(1.0) == 1.0
    taus = [SLIM.teacher_tau_at(progress) for progress in (0, 0.1, 0.2, 0.9)]
    assert taus == pytest.approx([0.04, 0.055, 0.07, 0.07])


def test_what_was_not_seen_changes_no_loss():
    for config in (SLIM, PRIME):
        config = replace(config, augmentation=NONE, limb_scale=(1.0, 1.0))
        model, views = model_of(config), views_of(config)
        changed = views._replace(patches=views.patches + 7 * ~views.is_there.unsqueeze(-1))
        torch.testing.assert_close(model(views).loss, model(changed).loss)


def test_a_sequence_of_which_a_crop_shows_nobody_does_not_count():
    config = replace(SLIM, augmentation=NONE, limb_scale=(1.0, 1.0))
    model, views = model_of(config), views_of(config)
    away = (views.crop == 1) & (views.sequence == 2)
    views = views._replace(is_there=views.is_there & ~away[:, None, None])
    output = model(views)
    assert len(output.student) == 3
    assert output.loss.isfinite()


def test_streams_are_made_of_augmented_positions():
    joint, bone = (views_of(SLIM, stream=stream) for stream in ("joint", "bone"))
    parents = torch.tensor(NTU_25.parents)
    torch.testing.assert_close(bone.patches, joint.patches - joint.patches[:, :, parents])
    assert torch.equal(bone.hidden, joint.hidden)


def test_hidden_tokens_are_asked_how_joints_move_in_every_stream():
    joint, *others = (views_of(MOTION, stream=stream) for stream in ("joint", "bone", "motion"))
    frames = joint.patches.unflatten(-1, (4, 3)).transpose(2, 3).flatten(1, 2)  # (B, T, V, C)
    moved = joint.motion.unflatten(-1, (4, 3)).transpose(2, 3).flatten(1, 2)
    torch.testing.assert_close(moved[:, :-1], frames.diff(dim=1))
    assert not moved[:, -1].any()
    for each in others:
        assert torch.equal(each.motion, joint.motion)
        assert not torch.equal(each.patches, joint.patches)


@torch.no_grad()
def test_bf16_gives_nearly_the_same_loss():
    for config in VARIANTS.values():
        model, views = model_of(config), views_of(config)
        exact = model(views).loss
        with torch.autocast("cpu", torch.bfloat16):
            rough = model(views).loss
        assert float(rough) == pytest.approx(float(exact), rel=0.03)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"momentum": 1.5}, "momentum is 1.5"),
        ({"teacher_tau": 0.0}, "teacher_tau is 0.0"),
        ({"mask_ratio": (0.9, 0.5)}, r"mask_ratio is \[0.9, 0.5\], expected two numbers, .* < 1"),
        ({"limb_scale": (0.0, 1.0)}, "limb_scale is"),
        ({"class_weight": 0.0, "masked_weight": 0.0}, "nothing would be learned"),
        ({"target_blocks": 2}, "target_blocks has no effect"),
        ({"tau": -0.8}, "tau has no effect"),
        ({"prime_frames": 16}, "prime_frames has no effect"),
        ({"bandwidth": 0.3}, "bandwidth has no effect"),
        ({"contrast_tau": 0.2}, "contrast_tau has no effect"),
        *(
            ({"class_target": "contrast", "target": "motion", name: 0.06}, f"{name} has no effect")
            for name in ("student_tau", "teacher_tau", "teacher_tau_start", "teacher_tau_share")
        ),
        ({"tubes": "density", "tau": math.nan}, "tau is nan"),
        ({"prime_weight": 1.0, "prime_share": 1.0}, "prime_share is 1.0"),
        ({"local_frames": (0,)}, "local_frames is"),
    ],
)
def test_settings_that_cannot_be_or_do_nothing_are_refused(change, message):
    with pytest.raises(ConfigurationError, match=message):
        DistilledObjective(**change)


def test_what_does_not_fit_the_clips_or_the_skeleton_is_refused():
    with pytest.raises(ConfigurationError, match=r"local_frames has 12 frames, expected a multiple of 8"):
        DistilledObjective(local_frames=(12,)).check_clips(64, 8, 4)
    with pytest.raises(ConfigurationError, match="up to the clip's 16"):
        DistilledObjective().check_clips(16, 8, 4)
    with pytest.raises(ConfigurationError, match="target_blocks is 4, but the encoder has 2"):
        DistilledObjective(target="regression").check_clips(64, 8, 2)
    with pytest.raises(ConfigurationError, match=r"augmentation\.crop would move"):
        CropAugmentation(crop=True)
    line = Topology("line", ("a", "b", "c"), (0, 0, 1))
    sizes = TokenEncoderConfig(num_joints=3, patch_frames=4, width=16, depth=2, num_heads=2)
    with pytest.raises(ConfigurationError, match=r"--distil\.augmentation\.flip false"):
        DistilledModel(sizes, HEAD, SLIM, line, "joint")
