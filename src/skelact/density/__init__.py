"""Spatio-temporal joint density (STJD), its change over time, and the prime joints it reveals."""

from skelact.density.change import density_change
from skelact.density.fixed import FixedDensity
from skelact.density.kernel import joint_density, log_joint_density
from skelact.density.learned import LearnedDensity
from skelact.density.prime_joints import hard_prime_mask, soft_prime_mask

__all__ = [
    "FixedDensity",
    "LearnedDensity",
    "density_change",
    "hard_prime_mask",
    "joint_density",
    "log_joint_density",
    "soft_prime_mask",
]
