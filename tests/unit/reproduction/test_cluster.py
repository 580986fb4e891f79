"""Jobs: what must not run side by side is one job."""

import pytest

from skelact.errors import ConfigurationError
from skelact.reproduction.cells import cells_of_suite, choose
from skelact.reproduction.cluster import group, submit
from skelact.reproduction.commands import Workspace, check_devices
from skelact.reproduction.suite_files import read_suite


def test_sums_whose_members_have_no_jobs_are_one_job():
    cells = cells_of_suite(read_suite("ntu60-cl"))
    sums = choose(cells, ["ntu60-xsub/stjd-cl-3s/*/seed0"])
    assert len(sums) > 1
    assert list(group(sums).values()) == [sums]
    others = choose(cells, ["ntu60-xview/stjd-cl-3s/*/seed0"])  # of other runs
    assert list(group([*sums, *others]).values()) == [sums, others]
    joint = choose(cells, ["ntu60-xsub/stjd-cl*/linear/seed0"])
    jobs = group(joint)
    assert [len(each) for each in jobs.values()] == [1] * 4  # three streams, and their sum, which waits


def test_slurm_must_be_there(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"--launcher slurm: .*srun"):
        submit("slurm", [], Workspace(tmp_path, tmp_path), [], None)


@pytest.mark.parametrize("setting", ["signal=TERM@120", "ntasks_per_node=4", "output=log"])
def test_what_jobs_are_stopped_and_told_by_stays(tmp_path, setting):
    with pytest.raises(ConfigurationError, match=rf"--sbatch {setting}: .* is set by the jobs themselves"):
        submit("slurm", [], Workspace(tmp_path, tmp_path), [setting], None)


def test_batches_that_do_not_divide_are_told_before_anything_runs():
    cells = choose(cells_of_suite(read_suite("public")), ["msr-*/mae-*/linear/seed0"])
    check_devices(cells, 2)
    with pytest.raises(ConfigurationError, match="--devices 3: the batch of 32 sequences of pretrain msr-"):
        check_devices(cells, 3)
