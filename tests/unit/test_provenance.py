from skelact import __version__
from skelact.provenance import code_version, package_versions


def test_code_version_begins_with_the_package_version():
    assert code_version().startswith(__version__)


def test_versions_name_python_and_torch():
    versions = package_versions()
    assert versions["python"][0] == "3"
    assert versions["torch"][0].isdigit()
    assert "not installed" not in versions.values()
