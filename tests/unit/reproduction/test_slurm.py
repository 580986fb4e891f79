"""Job scripts: what must not run side by side is one job, and a job uses every device it was given."""

from pathlib import Path

from skelact.reproduction.cells import cells_of_suite, choose
from skelact.reproduction.commands import Place
from skelact.reproduction.slurm import group, script
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


def test_the_command_of_a_job_starts_its_processes_itself():
    cells = choose(cells_of_suite(read_suite("ntu60-cl")), ["ntu60-xsub/stjd-cl/linear/seed0"])
    lines = script("ntu60-cl", "job", cells, Place(Path("stores"), Path("out"), devices=4), []).splitlines()
    assert "#SBATCH --gpus-per-node=4" in lines
    assert lines[-2].startswith("unset SLURM_NTASKS")  # with it, Lightning takes srun to have started them
    assert lines[-1].startswith("exec ")
    assert "--devices 4" in lines[-1]
