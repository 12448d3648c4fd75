#!/usr/bin/env bash
# Write requirements-dev.lock again: every package for development and documentation, pinned
# by version and hash, for all supported Python versions at once. The file names
# no package index, so pip takes the packages from wherever it is set up to look.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"${PYTHON:-python3}" -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check uv

# An existing lock keeps its versions where they still fit; UPGRADE=1 takes the newest.
upgrade=()
if [ -n "${UPGRADE:-}" ]; then upgrade=(--upgrade); fi
if [ -f requirements-dev.lock ]; then cp requirements-dev.lock "$scratch/requirements-dev.lock"; fi
"$scratch/venv/bin/uv" pip compile pyproject.toml --extra dev --extra docs --quiet \
    --universal --python-version 3.11 --generate-hashes "${upgrade[@]}" \
    --no-header --no-emit-index-url --no-emit-find-links \
    --output-file "$scratch/requirements-dev.lock" >/dev/null

if grep -nE '://|^ *--(index|extra-index|find-links|trusted-host)' "$scratch/requirements-dev.lock"; then
    echo "lock.sh: the lock would name a host (lines above); nothing was changed" >&2
    exit 1
fi
cp "$scratch/requirements-dev.lock" requirements-dev.lock
echo "requirements-dev.lock: $(grep -c '==' requirements-dev.lock) pinned packages"
