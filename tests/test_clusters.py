"""The templates for clusters start each worker as probvae wants it. Programs of this file replace Slurm's."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import tomli_w
import yaml

from probvae.cli.runs import train
from probvae.cli.sweeps import sweep
from probvae.runs.folder import open_run
from probvae.runs.sweeps.ranges import read_search

ROOT = Path(__file__).parent.parent
SLURM = ROOT / "examples" / "cluster" / "slurm.sh"
SWEEP = ROOT / "examples" / "cluster" / "sweep.sh"
KUBERNETES = ROOT / "examples" / "cluster" / "kubernetes.yaml"

FILLED = {"train": {"schedule": "constant"}}
"""As much of a filled spec as is looked at when a run is opened."""

PROBVAE = """#!/bin/sh
# Records what it was started with.
printf '%s' "$TF_CONFIG" > "$RECORDS/$$.config"
printf '%s\\n' "$@" > "$RECORDS/$$.arguments"
index=${SLURM_NODEID:-$JOB_COMPLETION_INDEX}
exit "$(cut -d ' ' -f $((index + 1)) "$RECORDS/statuses")"
"""

SRUN = """#!/bin/sh
printf '%s\\n' "$@" > "$RECORDS/srun"
while [ "${1#-}" != "$1" ]; do shift; done
highest=0
for task in 0 1 2; do
    SLURM_PROCID=$task SLURM_NODEID=$task "$@" & started=$!
    wait $started && status=0 || status=$?
    [ -e "$RECORDS/$started.config" ] || echo "task $task is not probvae itself" >> "$RECORDS/hidden"
    [ $status -le $highest ] || highest=$status
done
exit $highest
"""

SCONTROL = """#!/bin/sh
case $* in
    'show hostnames node[1-3]') printf 'node1\\nnode2\\nnode3\\n' ;;
    *) echo "$@" >> "$RECORDS/asked" ;;
esac
"""


class Worker:
    """What a worker was started with."""

    def __init__(self, config):
        self.config = json.loads(config.read_text())
        arguments = config.with_suffix(".arguments").read_text().splitlines()
        assert arguments[0] == "train"
        self.options = train.make_context("train", arguments[1:]).params

    @property
    def index(self):
        return self.config["task"]["index"]


@pytest.fixture
def out(tmp_path):
    """The run's folder, which is not there yet."""
    return tmp_path / "a folder" / "run"


@pytest.fixture
def records(tmp_path, monkeypatch):
    """A folder for records, and the programs that write them on the PATH."""
    programs, records = tmp_path / "bin", tmp_path / "records"
    programs.mkdir()
    records.mkdir()
    for name, text in {"probvae": PROBVAE, "srun": SRUN, "scontrol": SCONTROL}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("RECORDS", str(records))
    (records / "statuses").write_text("0 0 0")
    return records


def workers(records):
    """The workers that have been started since this was asked last, in the order of their indices."""
    found = sorted((Worker(config) for config in records.glob("*.config")), key=lambda worker: worker.index)
    for file in records.glob("*.config"):
        file.unlink()
    return found


def assert_one_cluster(found, addresses, spec, out):
    """The workers form the cluster of these addresses, and do the same."""
    for index, worker in enumerate(found):
        assert worker.config == {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        given = {name: value for name, value in worker.options.items() if value}
        assert given == {"spec": Path(spec), "out": Path(out), "resume": True}
    assert len(found) == len(addresses) == len(set(addresses))


STATES = {
    "nothing": [],
    "a run killed while it was made": [".lock", "environment.json"],
    "a run killed before its first checkpoint": [".lock", "environment.json", "spec.toml"],
    "a run": ["environment.json", "spec.toml", "metrics.jsonl", "checkpoints"],
}
"""What may be in the folder when the workers start."""


@pytest.fixture(params=STATES.values(), ids=STATES)
def state(request, out):
    """A folder of a run in some state."""
    for name in request.param:
        out.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(tomli_w.dumps(FILLED) if name == "spec.toml" else "")


@pytest.mark.usefixtures("state")
def test_a_restart_is_the_same_command_whatever_is_in_the_folder(out):
    """The workers are always started with --resume."""
    assert open_run(FILLED, "", out, resume=True).folder == out


# Slurm


@pytest.fixture
def batch(records, out, tmp_path, monkeypatch):
    """Runs the script as a job of a number, and returns its exit status."""
    script = tmp_path / "slurm.sh"
    text, count = re.subn(r"^out=.*", f"out='{out}'", SLURM.read_text(), flags=re.M)
    assert count == 1
    script.write_text(text)
    monkeypatch.setenv("SLURM_JOB_NODELIST", "node[1-3]")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "8")
    monkeypatch.chdir(ROOT)

    def run(job=4321, statuses="0 0 0"):
        (records / "statuses").write_text(statuses)
        monkeypatch.setenv("SLURM_JOB_ID", str(job))
        done = subprocess.run(["bash", script], capture_output=True, text=True, timeout=60, check=False)
        assert done.stderr == ""
        return done.returncode

    return run


def test_each_node_of_a_slurm_job_is_a_worker_of_one_cluster(batch, out, records):
    assert batch() == 0
    addresses = ["node1:24321", "node2:24321", "node3:24321"]
    assert_one_cluster(workers(records), addresses, "examples/first.toml", out)
    assert not (records / "hidden").exists()
    assert not (records / "asked").exists()


def test_two_slurm_jobs_have_two_ports_that_no_system_gives_away(batch, records):
    ports = []
    for job in (1, 2, 39_999, 123_456_789):
        batch(job)
        (port,) = {int(address.split(":")[1]) for address in workers(records)[0].config["cluster"]["worker"]}
        ports.append(port)
    assert len(set(ports)) == 4
    assert min(ports) > 1023
    assert max(ports) < 32_768


@pytest.mark.parametrize(
    ("statuses", "status", "requeued"),
    [
        ("143 143 143", 143, True),
        ("130 143 130", 143, True),  # only one was asked
        ("0 0 0", 0, False),
        ("130 130 130", 130, False),
        ("1 1 1", 1, False),
        ("2 1 1", 2, False),
        ("75 137 75", 137, False),
    ],
)
def test_a_slurm_job_is_requeued_after_it_was_asked_to_stop_only(statuses, status, requeued, batch, records):
    assert batch(statuses=statuses) == status
    assert len(workers(records)) == 3
    asked = records / "asked"
    assert (asked.read_text() if asked.exists() else "") == ("requeue 4321\n" if requeued else "")


def test_slurm_leaves_a_worker_alone_when_another_has_ended(batch, records):
    batch()
    options = (records / "srun").read_text().splitlines()
    assert {"--kill-on-bad-exit=0", "--wait=0", "--cpus-per-task=8"} <= set(options)


def test_sbatch_reads_all_of_its_options():
    before, _, after = SLURM.read_text().partition("\nspec=")
    assert all(line.startswith("#") for line in before.splitlines() if line)  # it stops at the first command
    assert "#SBATCH" not in after
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=?(\S*)$", before, re.M))
    assert len(options) == before.count("\n#SBATCH")
    assert options["ntasks-per-node"] == "1"
    assert options["signal"] == "TERM@120"  # to the workers; B: would send it to the shell
    assert options["open-mode"] == "append"
    assert {"requeue", "cpus-per-task"} <= set(options)


# A sweep in a Slurm array


@pytest.mark.parametrize(("status", "requeued"), [(0, False), (143, True), (1, False), (2, False)])
def test_a_task_of_a_sweep_takes_trials_of_the_common_folder(status, requeued, records, monkeypatch):
    (records / "statuses").write_text(str(status))
    (records.parent / "bin" / "srun").write_text('#!/bin/sh\nshift\nexec "$@"\n')
    for name, value in {"JOB_ID": "17", "CPUS_PER_TASK": "8", "NODEID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("TF_CONFIG", "{}")
    done = subprocess.run(["bash", SWEEP], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (status, "")
    (arguments,) = [file.read_text().splitlines() for file in records.glob("*.arguments")]
    options = sweep.make_context("sweep", arguments[1:]).params
    assert (options["spec"], options["out"]) == (Path("examples/first.toml"), Path("/shared/sweeps/first"))
    assert read_search(options["search"])
    asked = records / "asked"
    assert (asked.read_text() if asked.exists() else "") == ("requeue 17\n" if requeued else "")


@pytest.mark.parametrize("script", [SLURM, SWEEP], ids=["slurm.sh", "sweep.sh"])
def test_sbatch_finds_the_options_before_the_first_command(script):
    before, _, after = script.read_text().partition("\nspec=")
    assert all(line.startswith("#") for line in before.splitlines() if line)
    assert "#SBATCH" not in after
    assert {"#SBATCH --signal=TERM@120", "#SBATCH --requeue"} <= set(before.splitlines())


# Kubernetes


@pytest.fixture(scope="module")
def manifests():
    return {one["kind"]: one for one in yaml.safe_load_all(KUBERNETES.read_text())}


@pytest.fixture
def job(manifests):
    return manifests["Job"]["spec"]


@pytest.fixture
def pod(job):
    return job["template"]["spec"]


@pytest.fixture
def container(pod):
    (container,) = pod["containers"]
    return container


def environment(container):
    return {one["name"]: one["value"] for one in container["env"]}


@pytest.fixture
def pods(container, records, out):
    """Starts the container of every worker and returns the workers."""
    given = environment(container) | {"OUT": str(out)}

    def run():
        started = []
        for index in range(int(given["WORKERS"])):
            of_pod = os.environ | given | {"JOB_COMPLETION_INDEX": str(index)}
            started.append(subprocess.Popen([*container["command"], *container["args"]], env=of_pod))
        assert {process.wait(60) for process in started} == {0}
        for process in started:  # a signal that is sent to the container is sent to probvae
            assert (records / f"{process.pid}.config").exists()
        return workers(records)

    return run


def test_the_pods_of_a_job_are_the_workers_of_one_cluster(pods, out, manifests, job, pod):
    (port,) = manifests["Service"]["spec"]["ports"]
    name = manifests["Job"]["metadata"]["name"]
    addresses = [f"{name}-{index}.{pod['subdomain']}:{port['port']}" for index in range(job["completions"])]
    assert_one_cluster(pods(), addresses, "/spec/spec.toml", out)


def test_there_are_as_many_pods_as_workers(job, container):
    assert job["completionMode"] == "Indexed"
    assert job["completions"] == job["parallelism"] == int(environment(container)["WORKERS"]) > 1


def test_pods_find_each_other_before_they_are_ready(manifests, job, pod):
    service = manifests["Service"]
    assert service["metadata"]["name"] == pod["subdomain"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert service["spec"]["selector"].items() <= job["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize(
    ("status", "evicted", "action"),
    [
        (2, False, "FailJob"),
        (143, True, "Ignore"),
        (130, False, "Ignore"),
        (137, True, "Ignore"),
        (137, False, "Count"),
        (75, False, "Count"),
        (1, False, "Count"),
    ],
)
def test_what_a_job_does_after_a_pod_has_failed(status, evicted, action, job):
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # or Kubernetes refuses the rules
    found = "Count"
    for rule in reversed(job["podFailurePolicy"]["rules"]):
        by_status = status in rule.get("onExitCodes", {}).get("values", [])
        if by_status or (evicted and {"type": "DisruptionTarget"} in rule.get("onPodConditions", [])):
            found = rule["action"]
    assert found == action
    assert job["backoffLimit"] >= 2 * job["completions"]  # all pods fail with one


def test_a_job_is_done_when_its_chief_is(job):
    assert job["successPolicy"]["rules"] == [{"succeededIndexes": "0"}]


def test_all_pods_share_the_volume_of_the_run_and_have_the_spec(manifests, pod, container):
    claim = manifests["PersistentVolumeClaim"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["shared"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert volumes["spec"]["configMap"]["name"] == manifests["ConfigMap"]["metadata"]["name"]
    places = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert environment(container)["OUT"].startswith(f"{places['shared']}/")
    (spec,) = manifests["ConfigMap"]["data"]
    assert f"{places['spec']}/{spec}" == "/spec/spec.toml"  # what the workers are given, see above


def test_the_spec_is_the_first_example_and_its_batches_can_be_shared(manifests, job):
    spec = tomllib.loads(manifests["ConfigMap"]["data"]["spec.toml"])
    assert spec == tomllib.loads((ROOT / "examples" / "first.toml").read_text())
    assert spec["train"]["batch_size"] % job["completions"] == 0
