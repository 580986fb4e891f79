"""Spatio-temporal joint density (STJD), its change over time, and the prime joints it reveals."""

from skelact.density.kernel import density_change, joint_density, log_joint_density
from skelact.density.learned import LearnedDensity
from skelact.density.prime import hard_prime_mask, soft_prime_mask
from skelact.density.published import FixedDensity

__all__ = [
    "FixedDensity",
    "LearnedDensity",
    "density_change",
    "hard_prime_mask",
    "joint_density",
    "log_joint_density",
    "soft_prime_mask",
]
