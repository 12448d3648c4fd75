#!/usr/bin/env bash
# Time the first steps of someone who is new, each as it is typed: from a clone to
# a first answer, a first problem of one's own, a first plot and the demonstration.
# Processor time tells what a busy machine hides.
#
#   newcomer.sh          with make setup, then make demo
#   newcomer.sh --pip    with pip and nothing else, in an environment of its own
set -euo pipefail
source=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
TIMEFORMAT='%R %U %S'

timed() {
    { time eval "$1" >"$folder/said" 2>&1; } 2>"$folder/took" || { cat "$folder/said" >&2; exit 1; }
    awk -v what="$1" -v since="$SECONDS" \
        '{ printf "%8.1f s  %9.1f s  %8.0f s  %s\n", $1, $2 + $3, since, what }' "$folder/took"
}

SECONDS=0
echo "      step  processor  since clone"
timed "git clone $source amcspice"
cd amcspice
if [ "${1:-}" = --pip ]; then
    timed "python3 -m venv .venv && . .venv/bin/activate && pip install '.[all]'"
else
    timed "make setup"
fi
. .venv/bin/activate
cd "$folder"
timed "amcspice doctor"
timed "amcspice solve nnls --columns 8"
timed "amcspice solve nnls --columns 8 --plot waveforms.png"
timed "python -c 'import numpy as np; np.save(\"A.npy\", np.random.rand(32, 8)); np.save(\"b.npy\", np.random.rand(32))'"
timed "amcspice solve nnls --matrix A.npy --rhs b.npy"
cd amcspice
if [ "${1:-}" = --pip ]; then
    timed "python scripts/demo.py"
else
    timed "make demo"
fi
