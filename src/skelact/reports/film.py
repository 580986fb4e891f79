"""A recording as a film, GIF or MP4: people, and under them joint density over time with a moving cursor."""

from __future__ import annotations

import itertools
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw

from skelact.errors import ConfigurationError, DataError, install, printable
from skelact.files import replacing
from skelact.progress import Step, progress
from skelact.reports.canvas import GREY, INK, MISSING, PALETTE, settle_texts
from skelact.reports.player import USUAL_RATE, Decision, Measured, Played, measured, places_of
from skelact.reports.skeletons import limb_order
from skelact.reports.stage import COLOURS, GROUND, LINE, PEOPLE, RING, Colour, Stage, mixed

WIDTH, TITLE, STAGE, DECISION, AXIS = 640, 54, 390, 84, 40
"""Dots: of a film's width, and of the heights of its parts."""
MOST_OF_GIF = 1000
"""Pictures of a GIF, which is made in memory."""
FASTEST = {".gif": 25, ".mp4": 60}
"""Pictures a second at most; of faster recordings every second frame is shown, or every third, and so on."""
_LEFT, _RIGHT = 104, 16
"""Dots beside what goes by time."""
_DOTS_PER_INCH = 100
_NAMED = 5
"""Joints whose rows are named."""
_REMEDY = "choose another place"
_MADE = "film of skelact"
"""Stands in every film as its comment."""
_HEAD = 1 << 22
"""Bytes in which it is looked for."""


def check_can_film(path: str | Path) -> None:
    """Raise ConfigurationError where a film of this name needs what is not installed."""
    if Path(path).suffix.lower() == ".mp4":
        _ffmpeg()


def write_film(played: Played, path: str | Path) -> int:
    """Write a recording as a film, by the name's ending, and return the number of its pictures.

    Above is what the page's player shows at first, prime joints ringed; below the first thing that a model
    tells of each joint over time, or the change of joint density; and classes, where a model knows them.

    Args:
        played: the recording.
        path: the file, .gif or .mp4.

    Raises:
        DataError: nobody is seen in the recording, it is too long for a GIF, or the file cannot be written.
        ConfigurationError: what makes MP4 is not installed.
    """
    path, sequence = Path(path), played.sequence
    ending, rate = path.suffix.lower(), sequence.fps or USUAL_RATE
    check_can_film(path)
    places, seen = places_of(sequence)
    if not seen.any():
        raise DataError(f"{sequence.name}: nobody is seen in it, so there is nothing to film")
    stride = max(1, int(np.ceil(rate / FASTEST[ending] - 1e-9)))
    frames = range(0, sequence.num_frames, stride)
    if ending == ".gif" and len(frames) > MOST_OF_GIF:
        raise DataError(
            f"{path}: {len(frames):,} pictures are too many for a GIF; film a stretch (--frames "
            f"0:{MOST_OF_GIF * stride}), or write an .mp4"
        )
    told = measured(played, places, seen)
    ground, plot = _surroundings(played, told)
    stage = Stage(played, places, seen, told, (WIDTH, STAGE))
    with progress("filming", len(frames), "pictures") as step:
        pictures = _pictures(stage, ground, plot, frames, step)
        (_write_gif if ending == ".gif" else _write_mp4)(pictures, path, frames, rate)
    return len(frames)


def is_film(path: Path) -> bool:
    """Tell whether a file is a film that was written here."""
    with path.open("rb") as file:
        return _MADE.encode() in file.read(_HEAD)


def _pictures(
    stage: Stage, ground: Image.Image, plot: tuple[int, int, int, int], frames: range, step: Step
) -> Iterator[Image.Image]:
    """Give the picture of each frame: the stage, and the cursor in a box (left, top, right, bottom)."""
    left, top, right, bottom = plot
    for number, frame in enumerate(frames, 1):
        picture = ground.copy()
        picture.paste(stage.draw(frame), (0, TITLE))
        x = left + (frame + 0.5) / stage.shown.shape[1] * (right - left)
        pen = ImageDraw.Draw(picture)
        pen.rectangle([x - 2, top, x + 2, bottom], fill="white")
        pen.rectangle([x - 1, top - 4, x + 1, bottom + 2], fill=INK)
        yield picture
        step(number)


def _write_gif(pictures: Iterator[Image.Image], path: Path, frames: range, rate: float) -> None:
    """Write pictures as a GIF that begins again; its hundredths of a second add up to the right time."""
    ends = np.round(100 * np.array([*frames, frames[-1] + frames.step]) / rate)
    durations = (10 * np.maximum(np.diff(ends), 2)).astype(int).tolist()
    palette = _palette()
    few = (each.quantize(palette=palette, dither=Image.Dither.NONE) for each in pictures)
    with replacing(path, _REMEDY) as partial:
        next(few).save(
            partial,
            "GIF",
            save_all=True,
            append_images=few,
            duration=durations,
            loop=0,
            optimize=False,
            comment=_MADE,
        )


def _rgb(colour: str) -> Colour:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def _palette() -> Image.Image:
    """Return the colours of a GIF: all that is drawn, and how they go over into what is behind them."""
    greys = [mixed(GROUND, LINE, share) for share in np.linspace(0, 1, 40)]
    heat = (255 * colormaps[COLOURS](np.linspace(0, 1, 110))[:, :3]).round().astype(int).tolist()
    things = [*PEOPLE, RING, *map(_rgb, PALETTE)]
    shades = [mixed(colour, GROUND, share) for colour in things for share in (0, 0.25, 0.5, 0.75)]
    image = Image.new("P", (1, 1))
    image.putpalette(bytes(part for colour in (*greys, *heat, *shades)[:255] for part in colour))
    return image


def _write_mp4(pictures: Iterator[Image.Image], path: Path, frames: range, rate: float) -> None:
    """Write pictures as H.264, which all browsers and players show."""
    with replacing(path, _REMEDY) as partial, tempfile.TemporaryFile() as said:
        first = next(pictures)
        command = [_ffmpeg(), "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        command += [
            "-s",
            f"{first.width}x{first.height}",
            "-r",
            f"{rate / frames.step:.6f}",
            "-i",
            "-",
            "-an",
        ]
        command += ["-c:v", "libx264", "-crf", "20", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
        command += [
            "-metadata",
            f"comment={_MADE}",
            "-fflags",
            "+bitexact",
            "-threads",
            "1",
            "-f",
            "mp4",
            str(partial),
        ]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said) as process:
            assert process.stdin is not None
            try:
                for each in itertools.chain([first], pictures):
                    process.stdin.write(each.tobytes())
                process.stdin.close()
            except BrokenPipeError:
                pass  # it ended, and says why
            except BaseException:
                process.kill()
                raise
            status = process.wait()
        if status:
            said.seek(0)
            lines = said.read().decode(errors="replace").split("\n")
            words = next((printable(line)[-200:] for line in lines[::-1] if line.strip()), f"status {status}")
            raise DataError(f"{path}: cannot be written (ffmpeg: {words}); {_REMEDY}")


def _ffmpeg() -> str:
    """Return the program that writes MP4."""
    try:
        import imageio_ffmpeg  # type: ignore[import-untyped]

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise ConfigurationError(
            f"films as .mp4 need imageio-ffmpeg ({error}); write a .gif, or, {install('video')}"
        ) from error


def _surroundings(played: Played, told: Measured) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """Return the picture without people and cursor, and the box over which the cursor goes."""
    sequence, decision = played.sequence, played.decision
    rows = min(max(180, 5 * sequence.topology.num_joints), 320)
    below = DECISION if decision is not None else 0
    height = TITLE + STAGE + 22 + rows + below + AXIS
    height += height % 2  # as video has it
    figure = Figure(figsize=(WIDTH / _DOTS_PER_INCH, height / _DOTS_PER_INCH), dpi=_DOTS_PER_INCH)
    top, plot = TITLE + STAGE + 22, (_LEFT, TITLE + STAGE + 22, WIDTH - _RIGHT, height - AXIS)

    def axes_at(above: int, tall: int) -> Axes:
        box = (_LEFT / WIDTH, 1 - (above + tall) / height, (WIDTH - _LEFT - _RIGHT) / WIDTH, tall / height)
        axes = figure.add_axes(box)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=2, labelsize=7, colors=INK)
        return axes

    facts = dict(played.facts)
    words = [facts.get("class"), facts.get("data set"), "prime joints ringed"]
    figure.text(
        14 / WIDTH, 1 - 20 / height, sequence.name, fontsize=10, weight="bold", color=INK, va="center"
    )
    said = "  ·  ".join(word for word in words if word)
    figure.text(14 / WIDTH, 1 - 40 / height, said, fontsize=8, color=GREY, va="center")
    strip = axes_at(top, rows)
    _strip(strip, played, told)
    last = strip
    if decision is not None:
        strip.tick_params(labelbottom=False, bottom=False)
        last = axes_at(top + rows + 8, below - 8)
        _classes(last, decision, sequence.num_frames)
    _time_axis(last, sequence.fps, sequence.num_frames)
    settle_texts(figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    picture = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return Image.fromarray(picture[..., :3].copy()), plot


def _strip(axes: Axes, played: Played, told: Measured) -> None:
    """Draw a number of each joint over time, limb by limb, and name the most prime joints."""
    topology, person = played.sequence.topology, told.person
    over_time = [each for each in played.layers if np.shape(each.values)[1] > 1]
    layer = (*over_time, *told.layers)[0]
    values = np.asarray(layer.values, float)[person]
    if layer.step_of is not None:
        values = np.where((layer.step_of >= 0)[:, None], values[np.maximum(layer.step_of, 0)], np.nan)
    order = limb_order(topology)
    axes.imshow(
        values.T[order],
        cmap=colormaps[COLOURS].with_extremes(bad=MISSING),
        vmin=0,
        vmax=layer.scale,
        aspect="auto",
        interpolation="nearest",
        extent=(0, len(values), len(order) - 0.5, -0.5),
    )
    named: list[int] = []
    for joint in told.ranked:
        row = order.index(joint)
        if len(named) < _NAMED and all(abs(row - other) * 180 / len(order) >= 12 for other in named):
            named.append(row)
    axes.set_yticks(named, [topology.joints[order[row]] for row in named])
    who = f", person {person + 1}" if played.sequence.num_bodies > 1 else ""
    axes.set_title(f"{layer.label}, joint by joint{who}", fontsize=8, color=INK, loc="left", pad=5)


def _classes(axes: Axes, decision: Decision, num_frames: int) -> None:
    """Draw how likely classes are over time, their names beside."""
    for number, place in enumerate(decision.shown):
        colour = PALETTE[number % len(PALETTE)]
        line = np.asarray(decision.shares)[:, place]
        axes.plot(np.asarray(decision.middles) + 0.5, line, color=colour, linewidth=1.5)
        name = decision.classes[place]
        name = name if len(name) <= 18 else f"{name[:16]}..."
        axes.text(
            -8 / (WIDTH - _LEFT - _RIGHT), 0.92 - 0.2 * number, name, transform=axes.transAxes, color=colour,
            fontsize=7, ha="right", va="center",
        )  # fmt: skip
    axes.set(xlim=(0, num_frames), ylim=(0, 1.03), facecolor="#f5f6f8")
    axes.set_yticks([])


def _time_axis(axes: Axes, fps: float | None, num_frames: int) -> None:
    axes.set_xlim(0, num_frames)
    axes.set_xlabel("frame" if fps is None else "time (s)", fontsize=8, color=INK)
    if fps is not None:
        ticks = np.asarray(MaxNLocator(8, steps=[1, 2, 5, 10]).tick_values(0, num_frames / fps))
        ticks = ticks[ticks <= num_frames / fps]
        axes.set_xticks(ticks * fps, [f"{tick:g}" for tick in ticks])
