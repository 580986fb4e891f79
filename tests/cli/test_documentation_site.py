"""The documentation becomes a site without a warning, without the network, with nothing from elsewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "http://127.0.0.1:9"


@pytest.mark.slow
def test_the_site_builds(tmp_path):
    pytest.importorskip("mkdocs", reason="the list 'docs' of pyproject.toml is not installed")
    site = tmp_path / "site"
    environment = {
        **os.environ,
        "NO_MKDOCS_2_WARNING": "1",
        "HTTP_PROXY": NOWHERE,
        "HTTPS_PROXY": NOWHERE,
    }
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    pages = {str(path.relative_to(site).with_suffix("")) for path in site.rglob("*.html")}
    sources = {str(path.relative_to(ROOT / "docs").with_suffix("")) for path in (ROOT / "docs").rglob("*.md")}
    assert pages == sources | {"404"}
    for path in site.rglob("*.html"):
        text = path.read_text()
        foreign = re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"?https?://[^\"\s>]+", text)
        assert not foreign, (path, foreign)
    reference = (site / "reference.html").read_text()
    assert "joint_density" in reference
    assert "Raises:" in reference  # docstrings are read, not only names
