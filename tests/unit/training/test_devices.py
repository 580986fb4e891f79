"""As many processes run as devices were asked for, or none."""

import pytest

from skelact.errors import ConfigurationError
from skelact.training.config import TrainingConfig
from skelact.training.devices import make_fabric


def test_a_job_of_one_task_with_several_devices_is_refused_instead_of_using_one(monkeypatch):
    job = {"NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODEID": "0", "JOB_ID": "7", "JOB_NAME": "ntu60"}
    for name, value in job.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert make_fabric(TrainingConfig(accelerator="cpu")).world_size == 1
    with pytest.raises(
        ConfigurationError, match=r"2 were asked for, but 1 processes run.*unset SLURM_NTASKS"
    ):
        make_fabric(TrainingConfig(accelerator="cpu", devices=2))
