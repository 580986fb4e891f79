"""How an ONNX file is asked about a store; the runtime is played."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np

from skelact.clips.settings import ClipSettings
from skelact.recognition import onnx_file
from skelact.recognition.description import Recognition
from skelact.recognition.onnx_file import OnnxRecogniser
from skelact.skeleton.tables import NTU_25


class Session:
    """A runtime that finds the first class likely, and everything close."""

    def run(self, names, given):
        assert names == ["probabilities", "distance"]
        return np.array([[0.9, 0.1]], np.float32), np.array([0.5], np.float32)


def test_the_progress_line_says_how_much_is_done(small_store, monkeypatch):
    told = []

    @contextmanager
    def progress(title, total, unit):
        yield lambda done: told.append((title, done, total))

    monkeypatch.setattr(onnx_file, "progress", progress)
    about = Recognition("neighbours", ["a", "b"])
    model = OnnxRecogniser(Path("m.onnx"), NTU_25, 3, ClipSettings(view="camera"), {}, about, None, Session())
    chances, distances = model.ask(small_store, "asked")
    num = len(small_store)
    assert chances.shape == (num, 2)
    assert distances.tolist() == [0.5] * num
    assert told == [("asked", done, num) for done in range(1, num + 1)]
