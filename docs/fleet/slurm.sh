#!/bin/sh
# A campaign as a Slurm array: sbatch slurm.sh. The task's index picks a part of the seeds, nothing else. Wanted:
# `keelson` on the PATH, scenarios in the current folder, and an OUT that all nodes see. Submitted again, it goes on.
#SBATCH --job-name=keelson-campaign
#SBATCH --array=0-63
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --time=08:30:00
: "${SCENARIOS:=scenarios}" "${SEEDS:=1..640000}" "${PARTS:=64}" "${BUDGET:=8h}" "${OUT:=campaign}" "${JOBS:=2}"
keelson sim $SCENARIOS --seeds "$SEEDS" --shard "$SLURM_ARRAY_TASK_ID/$PARTS" --budget "$BUDGET" --jobs "$JOBS" --out "$OUT/part-$SLURM_ARRAY_TASK_ID" --resume || [ $? -lt 64 ]
# Then:  keelson sim merge campaign/part-* --out campaign/merged
