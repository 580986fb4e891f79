"""The commands that draw result files and features."""

import json

import pytest

from skelact.api import figures
from skelact.cli.main import main
from skelact.store.protocols import split
from skelact.store.store import Store
from written_results import write_predictions, write_share

LABELS = [0] * 10 + [1] * 12 + [2] * 4


@pytest.fixture
def files(tmp_path):
    first = [write_predictions(tmp_path, LABELS, LABELS, seed=seed) for seed in range(2)]
    other = [0] * 10 + [2] * 12 + [2] * 4
    second = [write_predictions(tmp_path, LABELS, other, seed=seed, method="mamp") for seed in range(2)]
    return [str(path) for path in first], [str(path) for path in second]


@pytest.fixture
def titles(monkeypatch):
    """What figures written during the test are headed by."""
    from skelact.reports import canvas

    found = []

    def write(figure, path, width):
        heading = figure.get_suptitle() or figure.axes[0].get_title()
        found.append((path.name, heading, figure.axes[0].get_xlabel()))

    monkeypatch.setattr(canvas, "write_figure", write)
    return found


@pytest.mark.parametrize("command", ["confusion", "classes"])
def test_one_method_is_drawn(files, titles, tmp_path, capsys, command):
    assert main(["figures", command, *files[0], "--out", str(tmp_path / "it.svg")]) == 0
    assert titles[0][:2] == ("it.svg", "mae, linear\ndata xsub, 26 test sequences, 2 seeds")
    assert capsys.readouterr().out == f"  {tmp_path / 'it.svg'}\n"
    assert main(["figures", command, *files[0], *files[1], "--out", str(tmp_path / "it.svg")]) == 2
    assert "(mae, mamp); draw one at a time" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_figure_replaces_figures_alone(files, tmp_path, capsys, ending):
    out = tmp_path / f"it.{ending}"
    words = ["figures", "classes", *files[0], "--out", str(out)]
    assert main(words) == main(words) == 0
    out.write_bytes(b"somebody else's")
    assert main(words) == 2
    assert "exists already and is no figure of skelact" in capsys.readouterr().err
    assert out.read_bytes() == b"somebody else's"


def test_two_methods_are_compared(files, titles, tmp_path, capsys):
    out = ["--out", str(tmp_path / "it.png")]
    assert main(["figures", "differences", *files[0], *files[1], *out]) == 0
    assert titles[0][1] == "data xsub, 26 test sequences"
    printed = capsys.readouterr().out
    assert "1 of 3 classes differ (McNemar, p < 0.05 after Holm's correction)" in printed
    assert "kick: +100.0 points, p 0.0029" in printed  # two seeds: twice the median; three classes: times 3
    assert main(["figures", "differences", *files[0], *out]) == 2
    assert "one method (mae): its files differ in their seeds at most" in capsys.readouterr().err


def test_kinds_of_evaluation_are_named_where_they_differ(titles, tmp_path, capsys):
    one = write_predictions(tmp_path, LABELS, LABELS, with_scores=False)
    other = write_predictions(tmp_path, LABELS, LABELS, evaluation="finetune")
    out = ["--out", str(tmp_path / "it.png")]
    assert main(["figures", "differences", str(one), str(other), *out]) == 0
    assert "not tested: a result without class scores" in capsys.readouterr().out
    assert main(["figures", "classes", str(one), str(other), *out]) == 2
    assert "(mae, linear, mae, finetune)" in capsys.readouterr().err


def test_learning_curves_are_drawn(titles, tmp_path, capsys):
    paths = [str(write_share(tmp_path, num, num // 2)) for num in (2, 20)]
    assert main(["figures", "learning-curve", *paths, "--out", str(tmp_path / "it.pdf")]) == 0
    assert titles[0][:2] == ("it.pdf", "data xsub")
    assert main(["figures", "learning-curve", paths[0], "--out", str(tmp_path / "it.pdf")]) == 2
    assert "a curve needs two numbers" in capsys.readouterr().err


def test_features_of_a_run_are_drawn(tiny_run, store_path, titles, tmp_path, capsys):
    on = ["--run", str(tiny_run), "--data", str(store_path), "--protocol", "xview"]
    command = ["figures", "tsne", *on, "--out", str(tmp_path / "it.png"), "--perplexity", "3"]
    assert main([*command, "--seed", "4", "--num-sequences", "10"]) == 0
    name, title, label = titles[0]
    assert name == "it.png"
    assert title == f"{tiny_run}: stjd-mp\nntu60 xview"
    assert "features of the frozen encoder (mean over bodies, time, joints), 10 of 20 test sequences" in label
    assert "perplexity 3, seed 4" in label
    store = Store.open(store_path)
    classes = [store.class_names[store.labels[place]] for place in split(store, "xview").test]
    shown = sorted(set(classes))[:5]
    some = ["--classes", json.dumps(shown)]
    assert main([*command, "--untrained", *some]) == 0
    assert titles[1][1] == f"{tiny_run}: untrained\nntu60 xview"
    assert f" {sum(name in shown for name in classes)} of 20 test sequences" in titles[1][2]
    capsys.readouterr()
    for options, message in (
        (["--classes", '["drink watr"]'], "did you mean 'drink water'"),
        ([*some, "--num-sequences", "2"], "--num-sequences is 2, expected 3 or more"),
        ([*some, "--perplexity", "0"], "perplexity 0 for"),
        (["--out", "figure.gif"], "written as .png, .svg, .pdf"),
    ):
        assert main([*command, *options]) == 2
        assert message in capsys.readouterr().err


def test_prime_joints_of_a_run_are_drawn_and_printed(tiny_run, store_path, titles, tmp_path, capsys):
    out = tmp_path / "it.png"
    on = ["--run", str(tiny_run), "--data", str(store_path), "--protocol", "xview", "--out", str(out)]
    store = Store.open(store_path)
    occurring = sorted({int(store.labels[place]) for place in split(store, "xview").test})
    assert main(["figures", "prime-joints", *on]) == 0
    head, *rows, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["class", "most", "prime", "joints", "(mean", "mask)"]
    assert [row.strip().split("  ")[0] for row in rows] == [store.class_names[place] for place in occurring]
    assert last == f"  {out}"
    assert len({len(row) for row in rows}) == 1  # aligned
    numbers = [[float(word) for word in row.split() if word[0] in "01"] for row in rows]
    assert all(len(row) == 3 and row == sorted(row, reverse=True) for row in numbers)
    name, title, label = titles[0]
    assert (name, title) == ("it.png", f"{tiny_run}: stjd-mp\nntu60 xview")
    assert "in the highest 25 % of the sequence\ndensity: of joint positions, bandwidth 0.6 body" in label
    assert "20 of 20 test sequences" in label
    wanted = [store.class_names[place] for place in reversed(occurring[:2])]
    assert main(["figures", "prime-joints", *on, "--classes", json.dumps(wanted)]) == 0
    rows = capsys.readouterr().out.splitlines()[1:-1]
    assert [row.strip().split("  ")[0] for row in rows] == wanted


def test_prime_joints_that_cannot_be_drawn_are_refused(tiny_run, store_path, tmp_path, capsys):
    on = ["--run", str(tiny_run), "--data", str(store_path), "--protocol", "xview"]
    command = ["figures", "prime-joints", *on, "--out", str(tmp_path / "it.png")]
    store = Store.open(store_path)
    absent = set(range(len(store.class_names))) - {int(store.labels[i]) for i in split(store, "xview").test}
    for options, message in (
        (["--classes", '["drink watr"]'], "did you mean 'drink water'"),
        (["--classes", "[]"], "--classes names no class; leave it out to show all"),
        (["--classes", json.dumps([store.class_names[min(absent)]])], "leave it out of --classes"),
        (["--out", "figure.gif"], "written as .png, .svg, .pdf"),
        (["--untrained"], "--untrained"),
    ):
        assert main([*command, *options]) == 2
        printed = capsys.readouterr().err
        assert message in printed
        assert printed.count("\n") == 1


@pytest.mark.parametrize("what", ["strip", "density"])
def test_a_recording_is_drawn_from_a_store_alone(store_path, titles, tmp_path, capsys, what):
    store = Store.open(store_path)
    out = tmp_path / "it.png"
    for sequence in (store.names[3], "3"):
        command = ["figures", what, "--data", str(store_path), "--sequence", sequence, "--out", str(out)]
        assert main(command) == 0
        assert capsys.readouterr().out == f"  {out}\n"
    assert titles[0] == titles[1]
    assert main([*command, "--sequence", store.names[3][:-1] + "9"]) == 2
    printed = capsys.readouterr().err
    assert "no sequence" in printed
    assert "did you mean" in printed
    assert printed.count("\n") == 1


def test_the_loss_of_a_run_is_drawn(tiny_run, titles, tmp_path, capsys):
    out = tmp_path / "it.pdf"
    assert main(["figures", "loss", "--run", str(tiny_run), "--out", str(out)]) == 0
    assert titles == [("it.pdf", str(tiny_run), "epochs done")]
    assert main(["figures", "loss", "--run", str(tmp_path), "--out", str(out)]) == 2
    assert "metrics.jsonl: not there, or no epoch is done" in capsys.readouterr().err


def test_prime_joints_of_a_store_alone_are_drawn(store_path, titles, tmp_path, capsys):
    out = tmp_path / "it.png"
    on = ["--data", str(store_path), "--protocol", "xview", "--out", str(out)]
    assert main(["figures", "prime-joints", *on]) == 0
    assert titles[0][1] == "ntu60 xview"
    assert "density: of joint positions" in titles[0][2]


def test_the_draw_of_sequences_follows_the_seed(small_store):
    test = small_store.labels.nonzero()[0]
    drawn = figures.draw_sequences(test, 4, 0)
    assert len(drawn) == 4
    assert (figures.draw_sequences(test, 4, 0) == drawn).all()
    assert any((figures.draw_sequences(test, 4, seed) != drawn).any() for seed in range(1, 5))
    assert (figures.draw_sequences(test, 100, 0) == test).all()


def test_positions_in_the_plane_are_drawn(store_path, tmp_path):
    flat = tmp_path / "flat"
    assert main(["data", "project", str(store_path), str(flat)]) == 0
    for name in ("strip", "density"):
        out = tmp_path / f"{name}.png"
        assert main(["figures", name, "--data", str(flat), "--out", str(out)]) == 0
        assert out.stat().st_size > 10_000
