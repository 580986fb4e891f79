"""Multinomial logistic regression by L-BFGS, over a path of regularisation strengths.

The loss is the mean cross-entropy of a sequence plus half the strength times the weights' squared norm;
biases are not held back. Loss and gradient are a few matrix products in torch, SciPy does the steps: the
solutions are scikit-learn's, in about a third of its time at 40,000 x 256 features in 60 classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from skelact.evaluation.linear_layer import LinearLayer, standardising

FLOAT64_UP_TO = 4_000_000
"""Numbers in a table of features up to which it is fitted in float64. Over so many sequences as a larger one
holds, the mean gradient's rounding in float32 is far below any sensible tolerance; over few it is not."""


def fit_path(
    features: Tensor,
    labels: Tensor,
    num_classes: int,
    strengths: Sequence[float],
    *,
    max_iterations: int,
    tolerance: float,
    weights: Tensor | None = None,
) -> Iterator[LinearLayer]:
    """Fit one classifier for each strength, each starting where the one before ended.

    Args:
        features: (N, D) float32.
        labels: (N,) classes in [0, K).
        num_classes: number of classes K.
        strengths: of the regularisation; from strong to weak is fastest.
        max_iterations: steps for each strength.
        tolerance: largest entry of the gradient at the end.
        weights: (N,) what the loss of each sequence is multiplied by, 1 on average; None: 1 for all.
    """
    from scipy.optimize import minimize  # whoever only classifies does not load it

    mean, scale = standardising(features)
    x = (features - mean) / scale
    if x.numel() <= FLOAT64_UP_TO:
        x = x.double()
    occurring, y = torch.unique(labels, return_inverse=True)
    shape = (len(occurring), x.shape[1] + 1)  # the bias is the last column
    row = torch.arange(len(x), device=x.device)
    share = None if weights is None else weights.to(x)
    solution = np.zeros(shape[0] * shape[1])

    def objective(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        table = torch.from_numpy(flat).view(shape).to(x)
        weight, bias = table[:, :-1], table[:, -1]
        logits = torch.addmm(bias, x, weight.T)  # (N, K)
        total = logits.logsumexp(1)
        each = total - logits[row, y]
        loss = (each if share is None else each * share).double().mean()
        loss = loss + l2 / 2 * weight.double().square().sum()
        residual = (logits - total[:, None]).exp_()
        residual[row, y] -= 1
        residual /= len(x)
        if share is not None:
            residual *= share[:, None]
        gradient = torch.cat([residual.T @ x + l2 * weight, residual.sum(0)[:, None]], 1)
        return float(loss), gradient.double().flatten().cpu().numpy()

    for l2 in strengths:
        options = {"maxiter": max_iterations, "gtol": tolerance, "ftol": 0.0}
        found = minimize(objective, solution, jac=True, method="L-BFGS-B", options=options)
        solution = found.x
        table = torch.from_numpy(solution).view(shape).to(x)
        weight = features.new_zeros(num_classes, shape[1] - 1)
        bias = features.new_full((num_classes,), -torch.inf)
        weight[occurring], bias[occurring] = table[:, :-1].to(weight), table[:, -1].to(bias)
        converged = bool(np.abs(found.jac).max() <= tolerance)
        yield LinearLayer(weight, bias, mean, scale, l2, converged)
