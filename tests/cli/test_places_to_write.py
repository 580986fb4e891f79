"""A place that cannot be written is told before the work whose result it is for."""

import pytest

from skelact.cli.main import main


@pytest.mark.parametrize(
    "line",
    [
        "teach {nothing} --out {out}",
        "package {nothing} {out}",
        "export {nothing} {out}.onnx",
        "view {nothing} --out {out}.html",
        "browse {nothing} --out {out}.html",
        "report {nothing} --out {out}.html",
        "predict {nothing} {nothing} --save-annotated {out}.html",
        "video {nothing} --out {out}.json",
        "figures loss --run {nothing} --out {out}.png",
    ],
)
def test_it_is_told_before_anything_is_read(line, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(line.format(nothing=tmp_path / "nothing", out=tmp_path / "file" / "out").split()) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "file/out" in error
    assert "cannot be written" in error
