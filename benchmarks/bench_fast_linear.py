"""The fast linear evaluation at the size of NTU-60 cross-subject: 40,000 features of 256 numbers, 60 classes.

Ours chooses among five strengths and fits again; the baseline fits scikit-learn's logistic regression to the
same six problems, each starting where the one before ended.
"""

from __future__ import annotations

import warnings

import torch
from sklearn.linear_model import LogisticRegression

from alternate import compare, parse_rounds
from skelact.evaluation.fast_linear import fit_chosen, hold_out
from skelact.evaluation.settings import FastLinearConfig

NUM, WIDTH, NUM_CLASSES = 40_000, 256, 60


def random_features() -> tuple[torch.Tensor, torch.Tensor]:
    """Return (40,000, 256) features that tell their classes, and these."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, NUM_CLASSES, (NUM,), generator=generator)
    centres = torch.randn(NUM_CLASSES, WIDTH, generator=generator)
    noise = torch.randn(NUM, WIDTH, generator=generator) * torch.linspace(0.2, 3, WIDTH)
    return 0.25 * centres[labels] + noise, labels


def main() -> None:
    rounds = parse_rounds(__doc__)
    warnings.simplefilter("ignore")
    features, labels = random_features()
    config = FastLinearConfig()
    is_held = hold_out(labels, config.held_out, config.seed)

    def baseline() -> None:
        x = ((features - features.mean(0)) / features.std(0)).numpy()
        y = labels.numpy()
        model = LogisticRegression(warm_start=True, tol=config.tolerance, max_iter=config.max_iterations)
        part = ~is_held.numpy()
        for l2 in config.l2:
            model.set_params(C=1 / (l2 * part.sum())).fit(x[part], y[part])
        model.set_params(C=1 / (0.01 * NUM)).fit(x, y)

    name = f"choose and fit, {NUM:,} x {WIDTH}, {NUM_CLASSES} classes"
    compare(name, lambda: fit_chosen(features[None], labels, NUM_CLASSES, config), baseline, rounds)


if __name__ == "__main__":
    main()
