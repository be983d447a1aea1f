#!/usr/bin/env bash
# Tries a fleet file on this machine: the command in it, once per index, as so many processes at the same time; then
# merges the parts, runs the whole range in one process, and compares run by run.
#   docs/fleet/local.sh kubernetes.yaml|slurm.sh|github.yml PARTS A..B FOLDER [SCENARIOS]
# KEELSON: the command to try, default ./keelson. FOLDER must not exist.
set -euo pipefail
if (($# < 4)); then
  sed -n 's/^#   //p' "$0" >&2
  exit 64
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export SEEDS=$3 PARTS=$2 OUT=$4 SCENARIOS=${5-scenarios} BUDGET=24h JOBS=1
export KEELSON=${KEELSON-./keelson}
mkdir "$OUT"

# The one line that every platform's file has.
mapfile -t commands < <(sed -n 's/^ *\(keelson sim \$SCENARIOS.*\)$/\1/p' "$here/$1")
if ((${#commands[@]} != 1)); then
  echo "$1: expected one command, found ${#commands[@]}" >&2
  exit 65
fi
mkdir "$OUT/bin"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$(readlink -f "$KEELSON")" >"$OUT/bin/keelson"
chmod +x "$OUT/bin/keelson"
PATH=$PWD/$OUT/bin:$PATH
[[ $OUT == /* ]] && PATH=$OUT/bin:$PATH

started=()
for ((index = 0; index < PARTS; index++)); do
  JOB_COMPLETION_INDEX=$index SLURM_ARRAY_TASK_ID=$index SHARD=$index sh -c "${commands[0]}" >"$OUT/part-$index.log" 2>&1 &
  started+=($!)
done
for index in "${!started[@]}"; do
  wait "${started[index]}" || { cat "$OUT/part-$index.log" >&2 && exit 1; }
done

# Wall time differs from run to run, and with it the line's checksum.
runs() { sed -E 's/"wall_ns":[0-9]+,//; s/,"sum":"[0-9a-f]+"//' "$1/results.jsonl" | sort; }
code=0
keelson sim merge "$OUT"/part-*/ --out "$OUT/merged" || code=$?
whole=0
keelson sim $SCENARIOS --seeds "$SEEDS" --out "$OUT/whole" >"$OUT/whole.log" 2>&1 || whole=$?
cmp <(runs "$OUT/merged") <(runs "$OUT/whole")
((code == whole)) || { echo "exit codes differ: merged $code, whole $whole" >&2 && exit 1; }
echo "same: $(runs "$OUT/whole" | wc -l) runs in $PARTS parts and in one, exit code $code"
