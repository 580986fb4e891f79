"""A model in one folder, to be handed on: weights, a card with a checksum, and a page for people.

``weights.safetensors`` and ``card.json`` are those of a run folder, with what a recogniser has beside the
encoder; so whatever takes a run takes a package. The card carries a checksum of itself, and the weights carry
it too: neither can be changed, or exchanged, without a word.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import Tensor

from skelact import __version__
from skelact.errors import DataError, printable
from skelact.files import beside, check_place, json_text, write_file, writing
from skelact.locks import FolderLock
from skelact.models.card import CARD, CHECKSUM, MEASURES, card_checksum, read_sizes
from skelact.models.pretrained import WEIGHTS
from skelact.models.tensor_file import write_tensors
from skelact.recognition.description import RECOGNITION
from skelact.store.partial import exchange

PAGE = "model-card.md"
REACHES = "reaches"
"""Key of an encoder's card: what it reached on data sets, in words, by their names."""
TERMS = "terms"
"""Key of a card: on which terms the data may be used that the encoder learned from."""
_FILES = {WEIGHTS, CARD, PAGE}
VERSIONS = ("torch", "numpy", "safetensors")


def write_package(
    out: Path | str, card: Mapping[str, Any], tensors: Mapping[str, Tensor], *, overwrite: bool = False
) -> Path:
    """Write a package; its folder is there when it is complete.

    It is made in ``<out>.partial``. What a killed process left there is removed by the next.

    Args:
        out: the folder.
        card: of the model; versions and checksum are added.
        tensors: its weights by their names.
        overwrite: replace a package that is there.

    Raises:
        DataError: the folder exists (with ``overwrite``: and is no package alone) or cannot be written, or
            another process is writing this package.
    """
    out = Path(os.path.realpath(out)) if Path(out).is_symlink() else Path(out)  # the link stays
    partial = beside(out, ".partial")
    if not partial.exists():
        check_free(out, overwrite)
    versions = {"skelact": __version__, **{name: version(name) for name in VERSIONS}}
    versions["python"] = platform.python_version()
    whole: dict[str, Any] = {**card, "versions": versions}
    whole[CHECKSUM] = card_checksum(whole)

    def refusal(holder: str) -> DataError:
        return DataError(f"{partial}: {holder} is writing this package; wait for it or choose another name")

    made, aside = partial / "package", partial / "replaced"
    with writing(out):
        lock = FolderLock(partial, refusal)
    lock.has_made = True  # the whole folder goes, whoever made it
    try:
        with writing(out):
            _restore(aside, out)
            check_free(out, overwrite)
            _remove(made)
            made.mkdir()
        write_tensors(made / WEIGHTS, tensors, {CARD: whole[CHECKSUM]})
        write_file(made / CARD, json_text(whole))
        write_file(made / PAGE, page(whole))
        with writing(out):
            _put_in_place(made, aside, out)
    finally:
        with suppress(OSError):
            _restore(aside, out)
        _remove(made)
        lock.release()
    return out


def _restore(aside: Path, out: Path) -> None:
    """Undo a replacement that was stopped between its two renames, or end it when it was done."""
    if aside.is_dir():
        if out.exists():
            _remove(aside)
        else:
            os.replace(aside, out)


def _remove(folder: Path) -> None:
    """Remove a folder as far as it can be; of a link, as earlier versions left there, the link alone."""
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def check_free(out: Path | str, overwrite: bool) -> None:
    """Refuse a folder that a package cannot be written to.

    Raises:
        DataError: it exists (with ``overwrite``: and is no package, or holds more than one does), has no
            name, or cannot be written there.
    """
    out = Path(out)
    beside(out, "")
    if not out.exists():
        check_place(out)
        return
    with writing(out, "check the path"):
        found = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if not found >= _FILES:
        raise DataError(f"{out}: exists already and is no package; choose another name")
    if not overwrite:
        raise DataError(f"{out}: exists already; choose another name or overwrite it (--overwrite)")
    check_place(out)
    if more := sorted(found - _FILES):
        raise DataError(
            f"{out}: holds {printable(more[0])}, which no package does, so it is not overwritten; choose "
            "another name"
        )


def check_apart(out: Path | str, folder: Path, what: str) -> None:
    """Refuse to write a package where a folder is that it is made of, or into it.

    Args:
        out: the package's folder.
        folder: what must stay.
        what: how errors call it.

    Raises:
        DataError: it is.
    """
    if Path(out).resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{out}: lies in {what}, {folder}; choose a place outside it")


def _put_in_place(made: Path, aside: Path, out: Path) -> None:
    """Let a finished folder take the place of ``out``; what was there is left beside it."""
    if not out.exists():
        os.replace(made, out)
    elif not exchange(made, out):  # a system or a disk that cannot do it in one step
        os.replace(out, aside)
        os.replace(made, out)


def page(card: Mapping[str, Any]) -> str:
    """Return what a card says, for people: Markdown."""
    about: Mapping[str, Any] = card.get(RECOGNITION, {})
    names = list(map(_as_text, about.get("class_names", ())))
    counts = about.get("num_examples") or [None] * len(names)
    classes = [(name, count) for name, count in zip(names, counts, strict=True) if count != 0]
    sizes, _, topology, clips = read_sizes(CARD, card)
    up, unit = (card.get(MEASURES, {}).get(name) or "not known" for name in ("up", "unit"))
    learned = [
        f"{card.get('method', 'unknown')} on {card.get('data_set', 'data that the card does not name')}"
    ]
    learned += [f"its terms: {card[TERMS]}" if card.get(TERMS) else "terms of that data: not stated"]
    rows = [
        ("skeleton", f"{topology.name}, {topology.num_joints} joints"),
        ("positions", f"{sizes.num_coordinates}-D, up: {up}, unit: {unit}"),
        (
            "clips",
            f"{clips.num_frames} frames of up to {clips.max_bodies} people, view {clips.view}, "
            f"scale {clips.scale}, stream {clips.stream}",
        ),
        ("encoder learned by", "; ".join(learned)),
        *((f"reaches on {name}", str(value)) for name, value in card.get(REACHES, {}).items()),
        ("made with", ", ".join(f"{name} {number}" for name, number in card["versions"].items())),
        ("checksum of the card", card[CHECKSUM]),
    ]
    lines = [f"# A model that knows {len(classes)} classes" if classes else "# An encoder", ""]
    if classes:
        lines += ["| class | recordings that taught it |", "|---|---|"]
        lines += [f"| {name} | {'not kept' if count is None else count} |" for name, count in classes]
        lines += ["", *_worth(about), "", "```text", "skelact predict THIS_FOLDER RECORDING", "```"]
    else:
        lines += ["It knows no classes yet: `skelact teach FOLDER --from THIS_FOLDER --out MODEL`."]
    lines += ["", "| | |", "|---|---|", *(f"| {key} | {_as_text(str(value))} |" for key, value in rows), ""]
    return "\n".join(lines)


def _as_text(text: str) -> str:
    """Return a text for a page in Markdown that shows it as it is, whatever signs are in it."""
    return re.sub(r"[\\`*_\[\]<>#|!~&]|:(?=//)", r"\\\g<0>", printable(text))


def _worth(about: Mapping[str, Any]) -> list[str]:
    """Return how well a model recognises its classes, a paragraph a line."""
    accuracy, calibration = about.get("accuracy"), about.get("calibration")
    if accuracy is None:
        said = ["How well it recognises them was not measured, or is not kept with the run."]
    else:
        low, high = (100 * accuracy[end] for end in ("low", "high"))
        said = [
            f"Recognised: **{100 * accuracy['share']:.1f} %** (95 % interval {low:.1f} to {high:.1f}) of "
            f"{accuracy['num_tested']} recordings that did not teach it, {_as_text(accuracy['rule'])}; by: "
            f"{_as_text(accuracy['name'])}."
        ]
        if len(about.get("candidates", ())) > 1:
            said.append(
                "That is the accuracy of the best of several ways to classify, on the recordings on which it "
                "was chosen, so a little optimistic."
            )
    if calibration is not None:
        beside = (
            "they are not calibrated, for that did not help"
            if about.get("temperature") == 1
            else f"{calibration['before']:.3f} before calibration"
        )
        said.append(f"Expected calibration error of its probabilities: {calibration['after']:.3f}; {beside}.")
    if about.get("threshold") is not None:
        share = about.get("false_alarms")
        known = "" if share is None else f"; of known recordings that was to be {100 * share:.3g} %"
        said.append(
            f"Unfamiliar is what lies farther than {about['threshold']:.3g} from every example{known}."
        )
    else:
        said.append("What is unfamiliar it cannot tell.")
    return [line for each in said for line in (each, "")][:-1]
