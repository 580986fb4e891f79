"""The lines that start a run on several machines are taken by torchrun, by the shell and by skelact."""

import re
import shlex
import subprocess
from pathlib import Path

import yaml
from torch.distributed.run import get_args_parser

from skelact.cli.main import parse

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "clusters.md").read_text()
SHELL = re.findall(r"```bash\n(.*?)```", TEXT, re.S)
(JOB,) = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", TEXT, re.S))
MODULE = "skelact.cli.main"


def settings(words):
    function, given = parse(words)
    assert function.__name__ == "pretrain"
    return given


def test_torchrun_takes_its_lines():
    lines = [text for text in SHELL if "torchrun" in text]
    assert len(lines) == 2
    for line in lines:
        words = shlex.split(line.replace("\\\n", " "))
        launch = get_args_parser().parse_args(words[words.index("torchrun") + 1 :])
        given = settings(launch.training_script_args)
        assert (launch.module, launch.training_script) == (True, MODULE)
        assert given["nodes"] == int(launch.nnodes.split(":")[-1]) == 2
        assert given["devices"] == int(launch.nproc_per_node)
        assert (given.get("resume") == "auto") is (launch.max_restarts > 0) is ("TORCH_DISABLE" in line)


def test_the_script_for_slurm_starts_a_task_for_each_device():
    (script,) = (text for text in SHELL if "#SBATCH" in text)
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=(\S+)$", script, re.M))
    (line,) = (line for line in script.splitlines() if line.startswith("srun "))
    given = settings(shlex.split(line)[2:])
    assert str(given["nodes"]) == asked["nodes"]
    assert str(given["devices"]) == asked["ntasks-per-node"] == asked["gpus-per-node"]
    assert given["resume"] == "auto"


def test_the_job_for_kubernetes_starts_a_process_for_each_device():
    spec = JOB["spec"]
    worker = spec["pytorchReplicaSpecs"]["Worker"]
    (container,) = worker["template"]["spec"]["containers"]
    assert container["name"] == "pytorch"  # so the operator wants it
    first, *command = [*container["command"], *container["args"]]
    assert first == "torchrun"
    launch = get_args_parser().parse_args(command)
    given = settings(launch.training_script_args)
    assert given["nodes"] == spec["elasticPolicy"]["maxReplicas"] == worker["replicas"]
    gpus = container["resources"]["limits"]["nvidia.com/gpu"]
    assert str(given["devices"]) == spec["nprocPerNode"] == str(gpus)
    assert {"name": "TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "value": "1"} in container["env"]
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in worker["template"]["spec"]["volumes"]}
