#!/bin/bash
# Trains the trials of a sweep on several machines of a Slurm cluster: edit the lines marked EDIT, then
#
#     sbatch examples/cluster/sweep.sh
#
# from a shell in which `probvae` runs. Each task of the array takes one trial after another from the common folder;
# more tasks may join at any time. docs/sweeps.md says what happens when a node dies or the time is up.

# EDIT: how many tasks, and what each asks for; without GPUs leave their line out.
#SBATCH --job-name=sweep
#SBATCH --array=0-3
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-task=1
#SBATCH --mem=16G
#SBATCH --time=04:00:00

# Two minutes before the time is up the training is asked to save and to stop.
#SBATCH --signal=TERM@120
# Slurm starts a task again after its node has failed, and this script may ask for it.
#SBATCH --requeue
#SBATCH --open-mode=append

# EDIT: what to train, and the folder on a file system that all nodes see.
spec=examples/first.toml
out=/shared/sweeps/first
settings=(--search 'train.learning_rate=1e-4..1e-2:log' --trials 30)

set -euo pipefail

status=0
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" probvae sweep "$spec" "${settings[@]}" --out "$out" || status=$?

# 143: asked to stop, and saved; the task waits for its next turn. After a failure somebody should look first.
if [[ $status -eq 143 ]]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
