"""What is sent back, as OpenAPI tells it. The tables are those of ``Prediction.to_dict`` and of events."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Guess(BaseModel):
    """A class, and how likely it is."""

    label: str
    probability: float


class PrimeJoint(BaseModel):
    """A joint that the recording turns on, and the frames in which it does."""

    joint: str
    first_frame: int
    last_frame: int


class Person(BaseModel):
    """What somebody does."""

    top: list[Guess]
    unfamiliar: bool | None
    prime_joints: list[PrimeJoint]


class Recording(Person):
    """What a recording shows: everybody together, and one by one."""

    file: str
    recording: str
    frames: int
    fps: float | None
    people: list[Person]


class Predictions(BaseModel):
    """What a file shows."""

    recordings: list[Recording]
    problems: list[str]
    """Why recordings of it could not be used, a line each."""
    notes: list[str]
    """How it was understood: its unit, what is up, joints that are missing."""


class Refusal(BaseModel):
    """Why there is no answer."""

    reason: str


class Health(BaseModel):
    """That the service is there."""

    status: str
    version: str
    classes: int


POSE = {
    "type": "object",
    "required": ["bodies"],
    "properties": {
        "topology": {"description": "a known name, or an object with joints and parents"},
        "fps": {"type": ["number", "null"], "exclusiveMinimum": 0},
        "unit": {"enum": ["m", "cm", "mm", "px", "pixel", None]},
        "bodies": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["positions"],
                "properties": {
                    "positions": {
                        "type": "array",
                        "description": "[frame][joint][2 or 3 coordinates]; null for what was not seen",
                    },
                    "confidence": {"type": ["array", "null"], "description": "[frame][joint]"},
                },
            },
        },
    },
}
"""Pose-JSON, as far as a schema can tell it."""

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": POSE},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of refusals."""
    return {status: {"model": Refusal} for status in statuses}


def text_of(kind: str) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of an answer that is no JSON."""
    return {200: {"content": {kind: {"schema": {"type": "string"}}}}}
