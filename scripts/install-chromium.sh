#!/usr/bin/env bash
# Install Chromium and its driver, which the tests of the report use. Nothing
# happens when both are there already.
set -euo pipefail
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

packages=(chromium chromium-driver)

die() { echo "install-chromium: $*" >&2; exit 1; }

if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit 0; fi
command -v apt-get >/dev/null || die "no apt-get here; install by your system's own means: ${packages[*]}"

as_root=()
if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || die "root rights are needed. Type: sudo apt-get install ${packages[*]}"
    as_root=(sudo)
fi

apt_get() {
    local log
    log=$(mktemp)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -y -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" </dev/null >"$log" 2>&1 ||
        { cat "$log" >&2; rm -f "$log"; return 1; }
    rm -f "$log"
}

echo "install-chromium: installing ${packages[*]}" >&2
apt_get update || echo "install-chromium: apt-get update failed; going on with the lists at hand" >&2
apt_get install --no-install-recommends "${packages[@]}" || die "apt could not install ${packages[*]}"
chromedriver --version >/dev/null || die "chromedriver was installed but does not run"
