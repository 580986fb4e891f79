"""Command lines that went wrong: words changed, and every numeric setting with values that it cannot have."""

from __future__ import annotations

import re
from functools import cache
from random import Random

from skelact.cli import parsing
from skelact.cli.main import COMMANDS, find_command

SCORED = "linear-data-xsub-trained-seed0.json"
FEW, MORE = (f"semi-data-xsub-{share}labels-00000000-trained-seed0.json" for share in (10, 40))
LINES = tuple(
    line.strip()
    for line in f"""
    data synth @new --sequences 4
    data prepare ntu60 @raw @new --workers 1
    data info @store
    data verify @store
    data export @store @out.npz --format padded-npz --protocol xsub
    data convert @store @other --topology kinect-20
    data project @store @other --cameras 2
    pretrain --data @store --protocol xsub --size tiny --out @new --epochs 1 --training.tensorboard false
    pretrain --data @store --protocol xsub --size tiny --out @new --epochs 1 --method moco
    evaluate linear --run @run --data @store --protocol xsub --epochs 1
    evaluate linear-fast --run @run --data @store --protocol xsub --l2 [0.01]
    evaluate ridge --run @run --data @store --protocol xsub --l2 [0.1]
    evaluate knn --run @run --data @store --protocol xsub --k [1]
    evaluate retrieval --run @run --data @store --protocol xsub
    evaluate finetune --run @run --data @store --protocol xsub --out @new --epochs 1
    evaluate semi --run @run --data @store --protocol xsub --share 1 --out @new --epochs 1
    teach @store --from @run --out @new
    package @run @new
    export @model @out.onnx
    predict @model @store
    predict @model @raw --json
    evaluate supervised --data @store --protocol xsub --size tiny --out @new --epochs 1
    results @run/evaluations/knn-ntu60-xsub-trained-seed0.json
    figures loss --run @run --out @loss.png
    figures bodies --data @store --out @bodies.svg --classes [reading,clapping] --width two
    figures strip --data @store --out @strip.png
    figures density --data @store --out @density.png
    figures prime-joints --data @store --protocol xsub --out @joints.svg
    figures tsne --run @run --data @store --protocol xsub --out @tsne.png --classes [reading,clapping]
    figures confusion @given/first/{SCORED} --out @confusion.png
    figures classes @given/first/{SCORED} --out @classes.svg
    figures differences @given/first/{SCORED} @given/second/{SCORED} --out @differences.png
    figures learning-curve @given/few/{FEW} @given/more/{MORE} --out @curve.pdf
    weights export @run @out.pth
    weights import @given/published.pth @new --topology ntu-25
    data check @raw --picture @check.png
    view @store:3 --model @run --out @view.html
    view @raw/S001C001P001R001A001.skeleton --frames 0:20 --out @film.gif
    browse @store --out @browse.html
    report @run @linear --out @report.html
    runs @
    runs @run --json
    completion bash
    evaluate detection --run @run --data @long --protocol xsub
    evaluate one-shot --run @run --data @store --novel [reading,clapping]
    evaluate transfer --run @run --data @second --protocol xsub --out @new --epochs 1
    evaluate ensemble --runs @given/first/{SCORED} @given/second/{SCORED} --out @new
    demo --quick --sequences 62 --seeds 1 --epochs 1 --linear-epochs 1 --out @new
    reproduce @suite.yaml --stores @stores --out @new --only */mamp/*
    reproduce @suite.yaml --stores @stores --out @new --dry-run
    """.strip().splitlines()
)
"""Commands that succeed; ``@`` stands for the folder of the case. Nothing they write lies outside it."""
REFUSED = (
    "serve @store --port 0",
    "view @store --port 65536 --no-browser",
    "browse @store --port 65536 --no-browser",
    "report @run --port 65536 --no-browser",
    "report @run --live --port 65536 --no-browser",
    "video @raw/S001C001P001R001A001.skeleton --out @new.json",
)
"""Commands that would go on until they are told to end, or take a camera: what they are given is refused."""
WILD = (
    *("", " ", "0", "-1", "1e9", "1e300", "nan", ".inf", "null", "true", "[1,2]", "{a: 1}", "[" * 3000),
    *("é", "\x1b[31m", "\u202e", "a\nb", "x" * 300, "--", "-", "--help", "--help-all", "--limit", "depth=1"),
    *("--limit=recording=1", "@raw", "@store", "@run", "@nowhere", "@raw/nothing", "9" * 400, "&a [*a]"),
    *("--quiet", "--resume", "--overwrite", "--out", "--data", "--seed", "--epochs", "--config", "$x$", "%s"),
)
WHOLE = ("0", "-1", "1", "3", "1000000", "1000000000", str(1 << 62), str(1 << 63), "1e9", "0.5", "nan", "")
NUMBERS = ("0", "-1", "1", "0.5", "1e-300", "1e9", "1e300", "-1e300", ".inf", "-.inf", "nan", "")


def mutated_line(random: Random) -> list[str]:
    """Return a command line with up to three words changed."""
    words = random.choice(LINES + REFUSED).split()
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(words) + 1)
        kind = random.randrange(5)
        if kind == 0 and len(words) > 1:
            del words[place - 1]
        elif kind == 1:
            words.insert(place, random.choice(WILD))
        elif kind == 2 and words:
            words[place - 1] = random.choice(WILD)
        elif kind == 3 and words:
            words.insert(place, random.choice(words))
        elif words and words[place - 1]:
            word = words[place - 1]
            at = random.randrange(len(word))
            words[place - 1] = word[:at] + random.choice(["", "x", "-", "=", ".", "\u0663"]) + word[at + 1 :]
    return [word.replace("\0", "") for word in words]


def setting_line(random: Random) -> list[str]:
    """Return a command line with a wild value of one of its numeric settings."""
    words = random.choice(LINES + REFUSED).split()
    settings = numeric_settings(find_command(words)[0].name)
    if not settings:
        return words
    name, values = random.choice(settings)
    return [*words, f"--{name}={random.choice(values)}"]


@cache
def numeric_settings(name: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the options of a command that take a number, with values to try."""
    command = next(command for command in COMMANDS if command.name == name)
    options = []
    for each in parsing.parameters_of(command.load()):
        if each.tables is None:
            options.append((each.name.replace("_", "-"), str(each.hint)))
        else:
            options += [(each.name, str(each.hint)) for each in parsing.settings_of(each.name, each.tables)]
    whole = [(option, WHOLE) for option, hint in options if re.search(r"\bint\b", hint)]
    return whole + [(option, NUMBERS) for option, hint in options if re.search(r"\bfloat\b", hint)]
