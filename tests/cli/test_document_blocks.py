"""Every code block of the README and the docs runs, on small data and with small models in place of the real.

Blocks of a page run in their order, in a folder of the page's own. A block that cannot run has the line
``<!-- not run: REASON -->`` before it. What a block needs and no block before it makes is put there first:
raw data, stores, runs, each called as in the page.
"""

import glob
import io
import re
import shlex
import shutil
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from class_folders import in_class_folders
from skelact.cli.main import main
from small_data_sets import (
    VIDEOS,
    write_arrays,
    write_bandai_namco,
    write_keypoints,
    write_mocap,
    write_msr_action3d,
    write_nw_ucla,
    write_pku_mmd,
    write_sbu,
    write_videos,
)

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"(?:<!-- (?P<kind>not run|example): (?P<note>[^\n]+) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.S
)
TRAINED = ("linear", "finetune", "semi", "transfer", "supervised")
"""Evaluations with epochs."""
GESTURES = {"A010": "clapping", "A023": "hand waving", "A026": "hopping"}
PAIRS = {"A055": "hugging", "A058": "shaking hands"}
OUTPUT = {"prepare": 5, "convert": 4, "export": 4, "import": 4, "synth": 3}
"""Place of the argument that names what a command writes."""


def blocks(page, *languages):
    return [found for found in BLOCK.finditer(page.read_text()) if found["language"] in languages]


def lines_of(block):
    return [line for line in re.sub(r"\\\n\s*", " ", block["text"]).splitlines() if line.strip()]


def is_made(block):
    """Tell whether a block is for make, whose targets other tests look for."""
    return all(line.startswith("make ") for line in lines_of(block))


def command(*words):
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        status = main([str(word) for word in words])
    assert status == 0, f"skelact {' '.join(map(str, words))}\n{output.getvalue()}"


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """Return a folder with what pages may need, under names of its own."""
    folder = tmp_path_factory.mktemp("ground")
    for name in ("RAW", "stores", "runs", "nw-ucla", "sbu", "videos"):
        (folder / name).mkdir()
    write_nw_ucla(folder / "nw-ucla")
    write_sbu(folder / "sbu")
    write_videos(folder / "videos")
    write_msr_action3d(folder / "RAW")
    write_bandai_namco(folder / "RAW")
    write_pku_mmd(folder / "pku_raw")
    in_class_folders(folder / "gestures", 18, GESTURES, seed=1)
    in_class_folders(folder / "new-recordings", 6, GESTURES, seed=2)
    in_class_folders(folder / "pairs", 8, PAIRS, seed=3)
    write_mocap(folder / "mocap")
    write_keypoints(folder / "keypoints")
    write_keypoints(folder / "by-person", by_person=True)
    write_arrays(folder / "arrays")
    command("data", "synth", folder / "ntu", "--sequences", 124, "--seed", 1)
    command("data", "synth", folder / "other-ntu", "--sequences", 62, "--seed", 2)
    store = folder / "stores" / "ntu"
    made = [("ntu60", "ntu", "ntu"), ("ntu60", "other-ntu", "other"), ("msr-action3d", "RAW", "msr")]
    made += [("bandai-namco-2", "RAW", "bandai"), ("sbu", "sbu", "sbu")]
    for data_set, raw, name in made:
        command("data", "prepare", data_set, folder / raw, folder / "stores" / name, "--workers", 1)
    long = ("pku1", folder / "pku_raw" / "v1", folder / "stores" / "long", "--untrimmed")
    command("data", "prepare", *long, "--workers", 1)
    export = ("data", "export", store)
    command(*export, folder / "ntu.npz", "--format", "padded-npz", "--protocol", "xsub")
    command(*export, folder / "ntu.pkl", "--format", "pyskl", "--protocol", "xsub,xview")
    side, few = ("--data", store, "--protocol", "xsub"), ("--epochs", 1, "--training.tensorboard", "false")
    methods = {"masked": "stjd-mp", "mae": "mae", "contrastive": "stjd-cl-positions"}
    methods |= {
        "learned": "stjd-mp",
        "msr": "stjd-mp",
        "msr-contrastive": "stjd-cl-positions",
        "bandai": "mamp",
    }
    for name, method in methods.items():
        data = side
        if name.startswith(("msr", "bandai")):
            other = name.removesuffix("-contrastive")
            protocol = "xsub" if other == "msr" else "xstyle"
            data = ("--data", folder / "stores" / other, "--protocol", protocol)
        density = ("--density", "learned") if name == "learned" else ()
        sizes = ("--method", method, "--size", "tiny", *few, *density)
        command("pretrain", *data, *sizes, "--out", folder / "runs" / name)
        if name in ("masked", "mae", "learned"):
            command("evaluate", "linear", "--run", folder / "runs" / name, *side, "--epochs", 1)
        if name in ("masked", "mae"):
            command("evaluate", "knn", "--run", folder / "runs" / name, *side)
    start = ("--run", folder / "runs" / "masked")
    for name, run in (("finetune", "masked"), ("finetune-b", "mae")):
        tuned = folder / "runs" / name
        command("evaluate", "finetune", "--run", folder / "runs" / run, *side, *few, "--out", tuned)
    command("evaluate", "semi", *start, *side, *few, "--count", 31, "--out", folder / "runs" / "semi")
    scratch = ("--size", "tiny", "--out", folder / "runs" / "scratch")
    command("evaluate", "supervised", *side, *few, *scratch)
    command("weights", "export", folder / "runs" / "masked", folder / "mamp.pth")
    return folder


def kind_of_store(name):
    kinds = {"msr": "msr", "bandai": "bandai", "long": "long", "other": "other", "sbu": "sbu"}
    return next((kind for part, kind in kinds.items() if part in name), "ntu")


def kind_of_run(name):
    if "bandai" in name:
        return "bandai"
    kinds = {
        "runs/b-finetune": "finetune-b",
        "mae": "mae",
        "cl": "contrastive",
        "finetune": "finetune",
        "semi": "semi",
        "scratch": "scratch",
    }
    kinds |= {"learned": "learned", "runs/a": "msr", "runs/bone": "mae", "runs/motion": "learned"}
    kind = next(
        (kind for part, kind in kinds.items() if part in name.removeprefix("runs/msr-action3d")), "masked"
    )
    return {"masked": "msr", "contrastive": "msr-contrastive"}[kind] if "msr-action3d" in name else kind


class Page:
    """Runs the blocks of a page in its folder, the working directory."""

    def __init__(self, ground):
        self.ground = ground
        self.names = {}
        sources = {
            "RAW": "RAW",
            "raw.tar.xz": "RAW",
            "nturgb+d_skeletons": "ntu",
            "pku_raw": "pku_raw",
            "nw_ucla.tar.xz": "nw-ucla",
            "sbu.tar.xz": "sbu",
            "NTU60_CS.npz": "ntu.npz",
            "ntu60_3danno.pkl": "ntu.pkl",
            "mamp.pth": "mamp.pth",
            "gestures": "gestures",
            "new-recordings": "new-recordings",
            "pairs": "pairs",
            "mocap": "mocap",
            "keypoints": "keypoints",
            "by-person": "by-person",
            "arrays": "arrays",
            **{name: f"videos/{name}" for name in VIDEOS},
        }
        for name, source in sources.items():
            Path(name).symlink_to(ground / source)
        Path("docs/images").mkdir(parents=True)
        Path("elsewhere/runs").mkdir(parents=True)

    def provide(self, text):
        """Put a store or a run where a command looks for one."""
        name = text.replace("*", "0")
        if name.startswith("results/") and not Path("results").exists():
            Path("results").symlink_to(ROOT / "results")
        store = name in ("OLD", "STORE") or re.fullmatch(r"stores/[\w-]+", name)
        run = re.match(r"runs/(?:[\w-]+-x\w+/)?[\w-]+", name)
        if store and not Path(name).exists():
            Path(name).parent.mkdir(exist_ok=True)
            shutil.copytree(self.ground / "stores" / kind_of_store(name), name)
        elif run and not glob.glob(run[0] if "*" not in text else text):
            shutil.copytree(self.ground / "runs" / kind_of_run(run[0]), run[0])

    def shell(self, block):
        for line in lines_of(block):
            words = shlex.split(line, comments=True)
            assert words[0] == "skelact", f"mark this block as not run: {line}"
            output = (
                words[OUTPUT[words[2]]] if words[1] in ("data", "weights") and words[2] in OUTPUT else None
            )
            if output is not None and output.isupper() and Path(output).exists():
                shutil.rmtree(output)  # stands for another folder in every block
            for before, word in pairwise(words):
                if before != "--out" and word != output:
                    self.provide(word)
            shown = 'skelact() { printf "%s\\n" "$@"; }; ' + line
            expanded = subprocess.run(
                ["bash", "-c", shown], capture_output=True, text=True, check=True
            ).stdout
            command(*smaller(expanded.splitlines()))

    def python(self, block):
        text = re.sub(r'size="\w+"', 'size="tiny"', block["text"])
        text = re.sub(r"epochs=\d+", "epochs=1", text)
        for name in re.findall(r'"((?:runs|stores)/[\w-]+)"', text):
            made = re.search(rf'(?:out=|(?:prepare|write_store)\([^)]*)"{name}"', text)
            if made is None:
                self.provide(name)
        with redirect_stdout(io.StringIO()):
            exec(text, self.names)


def smaller(words):
    """Return a command with few sequences, one epoch and the smallest networks."""
    smallest = {
        "--size": "tiny",
        "--sequences": "62",
        "--epochs": "1",
        "--training.epochs": "1",
        "--share": "0.5",
    }
    words = [smallest.get(before, word) for before, word in zip(["", *words], words, strict=False)]
    if words[0] == "reproduce" and "--only-table" not in words:
        words[1] = {"paper": "pku-cl", "small": "small-cl"}[words[1]]
    if words[0] == "reproduce" and not {"--seeds", "--launcher", "--collect"} & set(words):
        words += ["--seeds", "[0]"]
    of_package = words[0] == "evaluate" and any(word.startswith("universal-") for word in words)
    if of_package and words[1] in ("ridge", "knn") and "--num-frames" not in words:
        words += ["--num-frames", "32"]
    if words[:2] == ["figures", "tsne"]:
        words += ["--perplexity", "2"]
    trains = words[0] == "pretrain" or (words[0] == "evaluate" and words[1] in TRAINED)
    if trains and not {"--epochs", "--training.epochs"} & set(words):
        words += ["--epochs", "1"]
    if trains and words[:2] != ["evaluate", "linear"]:  # figures take longer than training does
        words += ["--training.tensorboard", "false"]
    if words[0] == "pretrain" and "--size" not in words:
        words += ["--size", "tiny"]
    return [*words, "--workers", "1"] if words[:2] == ["data", "prepare"] else words


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=str(page.relative_to(ROOT)))
        for page in PAGES
        if any(block["kind"] != "not run" and not is_made(block) for block in blocks(page, "bash", "python"))
    ],
)
def test_every_block_of_a_page_runs(page, ground, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = Page(ground)
    elsewhere = [block for other in PAGES for block in blocks(other, "yaml") if block["kind"] == "example"]
    for block in [*elsewhere, *blocks(page, "yaml", "json", "csv")]:
        if block["kind"] == "example":
            path = Path("." if block["language"] == "yaml" else "RECORDINGS") / block["note"]
            path.parent.mkdir(exist_ok=True)
            path.write_text(block["text"])
            if path.name == "wave-01.json":  # the page's manifest lists three more
                for name in ("wave-02", "rest-01", "rest-02"):
                    shutil.copy(path, path.with_stem(name))
        elif block["language"] == "yaml":
            assert isinstance(yaml.safe_load(block["text"]), dict)
    for block in blocks(page, "bash", "python"):
        if block["kind"] != "not run" and not is_made(block):
            (runner.python if block["language"] == "python" else runner.shell)(block)


def test_a_block_that_is_not_run_says_why():
    for page in PAGES:
        for block in blocks(page, "bash", "python"):
            assert block["kind"] != "not run" or len(block["note"].split()) >= 3, f"{page}: {block['note']}"


def test_no_block_escapes():
    """A language that is not looked for here, or an indented fence, would never be run."""
    for page in PAGES:
        text = page.read_text()
        fences = re.findall(r"^\s*```(\w+)$", text, re.M)
        assert set(fences) <= {"bash", "python", "yaml", "json", "csv", "text"}, page
        assert len(fences) == len(BLOCK.findall(text)), page
        assert len(re.findall(r"^<!-- not run", text, re.M)) == sum(
            found["kind"] == "not run" for found in BLOCK.finditer(text)
        )
