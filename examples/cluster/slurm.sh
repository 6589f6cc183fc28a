#!/bin/bash
# Trains a model on several machines of a Slurm cluster: edit the lines marked EDIT, then
#
#     sbatch examples/cluster/slurm.sh
#
# from a shell in which `probvae` runs. docs/clusters.md says what happens when a node dies or the time is up.

# EDIT: what to ask for; without GPUs leave their line out.
#SBATCH --job-name=first
#SBATCH --nodes=2
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-node=1
#SBATCH --mem=16G
#SBATCH --time=04:00:00

# One worker on each node; it takes all GPUs that the job has there.
#SBATCH --ntasks-per-node=1
# Two minutes before the time is up the workers are asked to save and to stop. To them, so no "B:" for the batch shell.
#SBATCH --signal=TERM@120
# Slurm starts the job again after a node has failed, and this script may ask for it.
#SBATCH --requeue
#SBATCH --open-mode=append

# EDIT: what to train, and its folder on a file system that all nodes see.
spec=examples/first.toml
out=/shared/runs/first

set -euo pipefail

# Another port for another job, as two may share a node; below those that systems pick by themselves.
port=$((20000 + SLURM_JOB_ID % 10000))
addresses=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed "s/.*/\"&:$port\"/" | paste -sd,)
export addresses

# A worker that ends does not have Slurm kill the others: the chief may still be saving or measuring, and where one has
# died the others notice by themselves. `exec`, for the signal has to reach probvae itself.
status=0
# shellcheck disable=SC2016 # the variables are those of each task
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" --kill-on-bad-exit=0 --wait=0 bash -c '
    task="{\"type\": \"worker\", \"index\": $SLURM_NODEID}"
    export TF_CONFIG="{\"cluster\": {\"worker\": [$addresses]}, \"task\": $task}"
    exec "$@"
' worker probvae train "$spec" --out "$out" --resume || status=$?

# 143: asked to stop, and saved; the job waits for its next turn. After a failure somebody should look first.
if [[ $status -eq 143 ]]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
