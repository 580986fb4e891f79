"""Training steps as commands run them, against a spinning thread a core; alone, and beside other work.

Ours is what every command does: waiting threads sleep, and a small model has one thread. The baseline is the
default of torch with GNU's OpenMP: a thread a core, which spin for some milliseconds when they wait. Each
runs in a process of its own, for both settings are read when torch is imported; the two take turns. The
second table of a size is measured beside another process, which this script starts and which keeps one core
busy.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from alternate import compare, parse_rounds
from skelact.processor import THREADS, WAITING, set_up_command

STEPS = {"demo": 6, "small": 3, "base": 1}
NUM_CLIPS = {"demo": 32, "small": 32, "base": 16}
SPINNING = {"GOMP_SPINCOUNT": "300000", "OMP_NUM_THREADS": str(os.cpu_count())}
"""The first is what GNU's OpenMP takes where nothing is set."""


class Worker:
    """A process that does the steps of one call whenever it is told to."""

    def __init__(self, size: str, variables: dict[str, str]) -> None:
        unset = {*THREADS, *WAITING, *SPINNING}
        environment = {name: value for name, value in os.environ.items() if name not in unset}
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--work", size],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**environment, **variables},
        )

    def __enter__(self) -> "Worker":
        return self

    def __call__(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        if not self.process.stdout.readline():
            raise RuntimeError("the process that does the work has ended")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.communicate()  # no more calls: it ends


def work(size: str) -> None:
    """Do the steps of one call for every line of the input."""
    set_up_command()
    import torch  # here, for the variables are set by now

    from skelact.configuration import instantiate
    from skelact.pretraining.config import MaskedRun
    from skelact.pretraining.masked.model import MaskedModel
    from skelact.pretraining.methods import find_method
    from skelact.processor import choose_threads
    from skelact.training.optimisers import build_optimiser

    torch.manual_seed(0)
    settings = find_method("stjd-mp").settings(size, {"data": ["-"], "protocol": ["xsub"]})
    config = instantiate(MaskedRun, settings)
    num_frames, num_clips = config.clips.num_frames, NUM_CLIPS[size]
    encoder = config.model.encoder(25, 3, num_frames)
    model = MaskedModel(encoder, config.model.decoder(), config.objective)
    choose_threads(sum(parameter.numel() for parameter in model.parameters()))
    optimiser = build_optimiser(model, config.training)
    clips = torch.randn(num_clips, 2, num_frames, 25, 3).cumsum(2) * 0.01
    present = torch.ones(num_clips, 2, dtype=torch.bool)
    present[:, 1] = torch.arange(num_clips) % 5 == 0
    uniform = torch.rand(num_clips, 2, encoder.num_tokens)
    for _ in sys.stdin:
        for _ in range(STEPS[size]):
            model(clips, present, uniform).loss.backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        print(torch.get_num_threads(), flush=True)


@contextmanager
def busy_process() -> Iterator[None]:
    """Keep one core busy meanwhile."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def main() -> None:
    rounds = parse_rounds(__doc__)
    for size, steps in STEPS.items():
        name = f"{steps} pre-training steps of size {size}"
        clips = steps * NUM_CLIPS[size]
        with Worker(size, {}) as ours, Worker(size, SPINNING) as spinning:
            compare(f"{name}, alone", ours, spinning, rounds, clips, "clips")
            with busy_process():
                compare(f"{name}, beside a busy process", ours, spinning, rounds, clips, "clips")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2])
    else:
        main()
