import math

import pytest
import torch
from torch.nn.functional import normalize

from skelact.errors import ConfigurationError
from skelact.pretraining.contrastive.losses import (
    contrast_logits,
    info_nce,
    prime_contrast,
    similarity_alignment,
)


def vectors(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def bank(size=7, width=4):
    return normalize(vectors(size, width), dim=1)


def cosine(a, b):
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True)) / (float(a.norm()) * float(b.norm()))


def slow_info_nce(query, key, keys, tau, extra=(), weight=1.0):
    """The definition, one query at a time."""
    positive = math.exp(cosine(query, key) / tau)
    negatives = sum(math.exp(cosine(query, other) / tau) for other in keys)
    negatives += weight * sum(math.exp(cosine(query, other) / tau) for other in extra)
    return -math.log(positive / (positive + negatives))


@pytest.mark.parametrize("tau", [0.07, 1.0])
@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0, 3.0])
def test_info_nce_equals_the_definition(tau, weight):
    query, key, extra, keys = 3 * vectors(5, 4), 2 * vectors(5, 4), vectors(5, 2, 4), bank()
    fast = info_nce(query, key, keys, tau, extra, weight)
    for n in range(5):
        expected = slow_info_nce(query[n], key[n], keys, tau, extra[n], weight)
        assert fast[n].item() == pytest.approx(expected, rel=1e-4, abs=1e-5)
    plain = info_nce(query, key, keys, tau)
    torch.testing.assert_close(plain, info_nce(query, key, keys, tau, extra, 0.0))


def test_info_nce_in_closed_form():
    # orthogonal: the key at cosine 1, K negatives at 0
    axes = torch.eye(6)
    loss = info_nce(axes[:1], axes[:1], axes[1:], 0.5)
    assert loss.item() == pytest.approx(math.log(1 + 5 * math.exp(-2)), rel=1e-5)
    # all alike: nothing tells the key from the bank
    same = torch.ones(3, 6)
    torch.testing.assert_close(
        info_nce(same, same, normalize(torch.ones(9, 6), dim=1)), torch.full((3,), math.log(10))
    )
    # opposite to the whole bank at a low temperature: no loss left
    assert info_nce(same, same, -normalize(torch.ones(9, 6), dim=1), 0.05).max() < 1e-12


def test_an_extra_negative_of_weight_w_stands_for_w_negatives():
    query, key, extra, keys = vectors(2, 4), vectors(2, 4), vectors(2, 1, 4), bank()
    thrice = extra.expand(2, 3, 4)
    torch.testing.assert_close(
        info_nce(query, key, keys, 0.2, extra, 3.0), info_nce(query, key, keys, 0.2, thrice)
    )


def test_prime_contrast_has_one_more_negative_than_info_nce():
    query, prime, other, keys = vectors(4, 4), vectors(4, 4), vectors(4, 4), bank()
    loss = prime_contrast(query, prime, other, keys, 0.3, 2.0)
    for n in range(4):
        expected = slow_info_nce(query[n], prime[n], keys, 0.3, [other[n]], 2.0)
        assert loss[n].item() == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(
        prime_contrast(query, prime, other, keys, 0.3, 0.0), info_nce(query, prime, keys, 0.3)
    )
    # without a bank, prime and other joints that are alike cannot be told apart
    alone = prime_contrast(query, prime, prime, keys[:0], 0.3)
    torch.testing.assert_close(alone, torch.full_like(alone, math.log(2)))


def test_prime_contrast_teaches_query_prime_and_other_but_not_the_bank():
    parts = [vectors(4, 4).requires_grad_() for _ in range(3)]
    keys = bank().requires_grad_()
    prime_contrast(*parts, keys).sum().backward()
    for part in parts:
        assert (part.grad.abs().sum(1) > 0).all()
    assert keys.grad is None


def test_lengths_do_not_count():
    query, key, keys = vectors(3, 4), vectors(3, 4), bank()
    torch.testing.assert_close(info_nce(query, key, keys), info_nce(5 * query, 0.1 * key, keys))


def test_the_key_is_the_first_logit():
    query, keys = vectors(3, 4), bank()
    logits = contrast_logits(query, query, keys, 0.5, vectors(3, 2, 4))
    assert logits.shape == (3, 1 + 7 + 2)
    torch.testing.assert_close(logits[:, 0], torch.full((3,), 2.0))


def test_alignment_of_similarities_equals_the_definition():
    student, teacher, keys = vectors(3, 4), vectors(3, 4), bank()
    fast = similarity_alignment(student, teacher, keys, 0.3, 0.2)
    for n in range(3):
        p = [math.exp(cosine(teacher[n], key) / 0.2) for key in keys]
        q = [math.exp(cosine(student[n], key) / 0.3) for key in keys]
        divergence = 0.0
        for a, b in zip(p, q, strict=True):
            divergence += a / sum(p) * math.log((a / sum(p)) / (b / sum(q)))
        assert fast[n].item() == pytest.approx(divergence, rel=1e-4, abs=1e-6)


def test_alignment_of_similarities_in_closed_form():
    student, keys = vectors(3, 4), bank()
    torch.testing.assert_close(similarity_alignment(student, student, keys, 0.1, 0.1), torch.zeros(3))
    assert (similarity_alignment(student, student, keys, 0.1, 0.05) > 0).all()
    assert (similarity_alignment(student, vectors(3, 4), keys[:1]) == 0).all()  # one key: no choice
    # a student that sees no difference, a teacher that is sure of one of K keys
    axes = torch.eye(5)
    loss = similarity_alignment(torch.ones(1, 5), axes[:1], axes, 0.1, 1e-3)
    assert loss.item() == pytest.approx(math.log(5), rel=1e-5)


def test_alignment_of_similarities_is_learned_by_the_student():
    teacher, keys = vectors(8, 4), bank(16)
    student = vectors(8, 4).requires_grad_()
    optimiser = torch.optim.Adam([student], lr=0.05)
    before = similarity_alignment(student, teacher, keys, 0.1, 0.1).mean().item()
    for _ in range(200):
        loss = similarity_alignment(student, teacher, keys, 0.1, 0.1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.05 * before


def test_half_precision_comes_out_as_float32():
    query, keys = torch.randn(3, 4).bfloat16(), bank().float()
    assert info_nce(query, query, keys).dtype == torch.float32


@pytest.mark.parametrize("tau", [0.0, -1.0, math.inf, math.nan])
def test_temperatures_must_be_positive(tau):
    query, keys = vectors(1, 4), bank()
    with pytest.raises(ConfigurationError, match="expected a temperature above 0"):
        info_nce(query, query, keys, tau)
    with pytest.raises(ConfigurationError, match="student_tau is"):
        similarity_alignment(query, query, keys, student_tau=tau)
    with pytest.raises(ConfigurationError, match="teacher_tau is"):
        similarity_alignment(query, query, keys, teacher_tau=tau)


def test_weights_must_not_be_negative():
    query, keys = vectors(1, 4), bank()
    with pytest.raises(ConfigurationError, match="extra negatives is -1"):
        prime_contrast(query, query, query, keys, weight=-1)
