"""What classifiers make of few examples a class: nearest neighbours, ridge regression, logistic regression.

The training side of a protocol alone: in each of five draws half of its people, drawn anew, give examples
and the others are asked; means over the draws, at several strengths. Beside it: of five classes left out,
the share called unfamiliar at 5 % false alarms among those asked. Takes a store, a protocol and a run:

    python benchmarks/few_examples.py stores/msr xsub runs/a
"""

from __future__ import annotations

import sys

import numpy as np
import torch

import skelact
from skelact.clips.source import ClipSource
from skelact.evaluation.features import extract_features
from skelact.evaluation.folds import people_of
from skelact.evaluation.logistic import fit_path
from skelact.evaluation.ridge import fit_ridge
from skelact.models.sizes import Pooling
from skelact.recognition import neighbours
from skelact.recognition.neighbours import Examples, Neighbours
from skelact.store.protocols import split

POOLINGS: tuple[Pooling, ...] = ("joints", "moments", "moments-and-bodies")
COUNTS = (2, 5, 10)
SHRINKAGES = (0.1, 0.3, 0.5, 0.8, 0.95)
STRENGTHS = (0.3, 0.1, 0.03, 0.01)
DRAWS = 5
LEFT_OUT = 5


def main() -> None:
    store, model = skelact.Store.open(sys.argv[1]), skelact.load(sys.argv[3])
    pretrained = model.pretrained.fitted(store.topology)
    sides, source = split(store, sys.argv[2]), ClipSource(store, pretrained.clips)
    people = next(iter(people_of(store).values()))
    everything, num_classes = np.arange(len(store)), len(store.class_names)
    for pooling in POOLINGS:
        features, labels = extract_features(pretrained.encoder, source, everything, pooling=pooling)
        for count in COUNTS:
            found: dict[str, list[float]] = {}
            for seed in range(DRAWS):
                generator = np.random.default_rng(seed)
                out = torch.from_numpy(generator.permutation(num_classes)[:LEFT_OUT])
                givers = generator.permutation(np.unique(people[sides.train]))[::2]
                gives = np.isin(people, givers)
                drawn = generator.permutation(sides.train[gives[sides.train]])
                others = sides.train[~gives[sides.train]]
                own = {label: drawn[labels[drawn] == label][:count] for label in range(num_classes)}
                chosen = torch.from_numpy(np.concatenate(list(own.values())))
                known = Examples(features, labels, num_classes).part(chosen)
                fewer = known.part(~torch.isin(known.labels, out))
                asked, truth = features[others], labels[others]
                strange = torch.isin(truth, out)
                for shrinkage in SHRINKAGES:
                    neighbours.SHRINKAGE = shrinkage
                    right = Neighbours.of(known).distances(asked).argmin(1) == truth
                    found.setdefault(f"neighbours {shrinkage}", []).append(float(right.float().mean()))
                    far = Neighbours.of(fewer).distances(asked).min(1).values
                    beyond = far[strange] > far[~strange].quantile(0.95)
                    found.setdefault(f"unfamiliar {shrinkage}", []).append(float(beyond.float().mean()))
                layers = fit_ridge(known.features, known.labels, num_classes, STRENGTHS)
                for layer in layers:
                    right = layer(asked).argmax(1) == truth
                    found.setdefault(f"ridge {layer.l2}", []).append(float(right.float().mean()))
                for l2 in STRENGTHS:
                    settings = {"max_iterations": 300, "tolerance": 1e-5}
                    (layer,) = fit_path(known.features, known.labels, num_classes, [l2], **settings)
                    right = layer(asked).argmax(1) == truth
                    found.setdefault(f"logistic {l2}", []).append(float(right.float().mean()))
            cells = (f"{name} {100 * np.mean(shares):.1f}" for name, shares in found.items())
            print(f"{pooling}, {count} a class: {'  '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
