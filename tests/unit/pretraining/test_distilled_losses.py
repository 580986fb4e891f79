import math

import pytest
import torch

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
from skelact.pretraining.masked.losses import normalise


def test_sinkhorn_equals_plain_loops():
    logits = torch.randn(7, 5)
    shares = [[math.exp(float(logits[n, k]) / 0.2) for k in range(5)] for n in range(7)]
    for _ in range(3):
        for k in range(5):
            total = sum(row[k] for row in shares)
            for row in shares:
                row[k] /= 5 * total
        for row in shares:
            total = sum(row)
            row[:] = [share / (7 * total) for share in row]
    expected = torch.tensor(shares) * 7
    found = sinkhorn(logits, 0.2)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found.sum(1), torch.ones(7))
    often = sinkhorn(logits, 0.2, 50)
    torch.testing.assert_close(often.sum(0), torch.full((5,), 7 / 5), rtol=1e-3, atol=1e-3)


def test_sinkhorn_bears_sharp_temperatures_and_no_rows():
    found = sinkhorn(torch.tensor([[1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]), 0.01)
    assert found.isfinite().all()
    torch.testing.assert_close(found.sum(1), torch.ones(3))
    assert sinkhorn(torch.zeros(0, 4), 0.1).shape == (0, 4)


def test_agreement_equals_the_sum_it_stands_for_and_is_least_where_both_agree():
    student, teacher = torch.randn(6, 4), torch.randn(6, 4).softmax(1)
    for n in range(6):
        odds = [math.exp(float(value) / 0.1) for value in student[n]]
        expected = -sum(
            float(share) * math.log(odd / sum(odds)) for share, odd in zip(teacher[n], odds, strict=True)
        )
        assert float(agreement(student, teacher, 0.1)[n]) == pytest.approx(expected, rel=1e-4)
    best = agreement(0.1 * teacher.log(), teacher, 0.1)
    assert (best <= agreement(student, teacher, 0.1)).all()


def test_regression_equals_plain_loops():
    blocks = [torch.randn(5, 8) for _ in range(3)]
    prediction = torch.randn(5, 8)
    for n in range(5):
        rows = []
        for block in blocks:
            row = block[n]
            rows.append((row - row.mean()) / (row.var(correction=0) + 1e-5).sqrt())
        mean = sum(rows) / 3
        target = (mean - mean.mean()) / (mean.var(correction=0) + 1e-5).sqrt()
        torch.testing.assert_close(regression_target(blocks)[n], target, rtol=1e-4, atol=1e-5)
        total = 0.0
        for a, b in zip(prediction[n].tolist(), target.tolist(), strict=True):
            total += 0.5 * (a - b) ** 2 if abs(a - b) < 1 else abs(a - b) - 0.5
        found = regression(prediction, regression_target(blocks))[n]
        assert float(found) == pytest.approx(total / 8, rel=1e-4)


def test_spread_equals_plain_loops_and_draws_neighbours_apart():
    embeddings = torch.randn(6, 3, requires_grad=True)
    total = 0.0
    unit = torch.nn.functional.normalize(embeddings.detach(), dim=1)
    for n in range(6):
        nearest = min(float((unit[n] - unit[m]).norm()) for m in range(6) if m != n)
        total -= math.log(nearest)
    loss = spread(embeddings)
    assert float(loss) == pytest.approx(total / 6, rel=1e-4)
    (gradient,) = torch.autograd.grad(loss, embeddings)
    assert float(spread(embeddings.detach() - 0.01 * gradient)) < float(loss)
    assert float(spread(torch.randn(1, 3))) == 0
    same = torch.ones(2, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(spread(same), same)
    assert gradient.isfinite().all()


def test_prime_and_other_joints_are_told_apart_by_their_cosines():
    whole, prime, other = torch.randn(3, 5, 4).unbind(0)
    found = told_apart(whole, prime, other, 0.1)
    for n in range(5):
        near, far = (
            float(torch.nn.functional.cosine_similarity(whole[n], each[n], dim=0)) for each in (prime, other)
        )
        assert float(found[n]) == pytest.approx(math.log1p(math.exp((far - near) / 0.1)), rel=1e-3, abs=1e-6)
    assert (told_apart(whole, whole, -whole, 0.1) < 1e-6).all()


def test_contrast_equals_plain_loops():
    student, teacher = (torch.nn.functional.normalize(torch.randn(4, 3), dim=1) for _ in range(2))
    found = contrast(torch.stack([student, -student]), teacher, 0.2)
    for view, sign in enumerate((1, -1)):
        for n in range(4):
            odds = [math.exp(sign * float(student[n] @ teacher[m]) / 0.2) for m in range(4)]
            assert float(found[view, n]) == pytest.approx(-math.log(odds[n] / sum(odds)), rel=1e-4)


def test_motion_is_standardised_over_the_tokens_that_are_there():
    patches, is_there = torch.randn(3, 4, 5, 6) * 2 + 1, torch.rand(3, 4, 5) < 0.7
    found = standardised(patches, is_there)
    for body in range(3):
        own = patches[body][is_there[body]]
        wanted = (own - own.mean()) / (own.var() + 1e-6).sqrt()
        torch.testing.assert_close(found[body][is_there[body]], wanted)
    everything = standardised(patches, torch.ones(3, 4, 5, dtype=torch.bool))
    torch.testing.assert_close(everything.flatten(1, 2), normalise(patches.flatten(1, 2), "sequence"))
