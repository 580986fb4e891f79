"""A model that was taught, and what is asked of it over HTTP."""

import re

import pytest
from fastapi.testclient import TestClient

import skelact
from class_folders import in_class_folders
from skelact.service.app import build_app

ACTIONS = {"A008": "sitting down", "A010": "clapping", "A026": "<b>hopping</b>"}
ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="package")
def ground(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serve")
    names = {code: re.sub(r"\W", "_", name) for code, name in ACTIONS.items()}
    in_class_folders(folder / "gestures", 24, names, seed=1)
    return folder


@pytest.fixture(scope="package")
def model(ground, tiny_run):
    return skelact.teach(ground / "gestures", out=ground / "model", from_=tiny_run).model


@pytest.fixture(scope="package")
def client(model):
    with TestClient(build_app(model), base_url=ADDRESS) as client:
        yield client


@pytest.fixture(scope="package")
def recording(ground):
    (file, *_) = sorted((ground / "gestures" / "clapping").iterdir())
    return file


@pytest.fixture(scope="package")
def pose(ground, recording):
    store = skelact.prepare("auto", recording, ground / "one", workers=1)
    one = store.sequence(0)
    return {"topology": "ntu-25", "fps": 30, "bodies": [{"positions": one.positions[0].round(4).tolist()}]}
