#!/usr/bin/env bash
# Find a C++20 compiler and the headers of Python, and install what is missing:
# as root or through sudo from the distribution; where root rights cannot be
# had, the compiler of the PyPI package ziglang into a virtual environment.
# Nothing is installed when everything is there already.
#
#   install-compiler.sh VENV    prints the compiler to use with VENV/bin/python
#
# The variable CXX names a compiler to try first.
set -euo pipefail
export LC_ALL=C

usage() {
    sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"
    echo "Usage: install-compiler.sh VENV"
}

die() { echo "install-compiler: $*" >&2; exit 1; }
say() { echo "install-compiler: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

case ${1:-} in
    -h | --help) usage; exit 0 ;;
esac
[ $# = 1 ] && [ -x "$1/bin/python" ] || die "give the folder of a virtual environment; see --help"
venv=$(cd "$1" && pwd)
python=$venv/bin/python

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# ---- what is there -----------------------------------------------------------

cat >"$scratch/probe.cpp" <<'CPP'
#include <span>
#include <vector>
extern "C" double sum(std::span<const double> values) {
    std::vector<double> kept(values.begin(), values.end());
    double total = 0;
    for (double value : kept) total += value;
    return total;
}
CPP

# Does a compiler know C++20, and make shared libraries of it?
compiles() { # path
    "$1" -std=c++20 -O1 -fPIC -shared "$scratch/probe.cpp" -o "$scratch/probe.so" >/dev/null 2>&1
}

zig=$venv/bin/zig-c++

# Prints the path of the first compiler that works.
find_compiler() {
    local name path
    for name in ${CXX:+"$CXX"} c++ g++ clang++ "$zig"; do
        path=$(command -v "$name" 2>/dev/null) || continue
        if compiles "$path"; then
            echo "$path"
            return 0
        fi
    done
    return 1
}

have_headers() {
    "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'
}

# ---- from the distribution ---------------------------------------------------

as_root=() # what stands before a command that needs root rights

# Fills as_root; fails where root rights cannot be had.
become_root() {
    if [ "$(id -u)" = 0 ]; then return 0; fi
    have sudo || return 1
    if ! sudo -n true 2>/dev/null; then
        [ -t 0 ] || return 1
        say "installing system packages takes root rights"
        sudo -v || return 1
    fi
    as_root=(sudo)
}

# Shows the output of apt-get only if it fails.
apt_get() {
    local status=0
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -y -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" \
        </dev/null >"$scratch/apt.log" 2>&1 || status=$?
    if [ "$status" != 0 ]; then cat "$scratch/apt.log" >&2; fi
    return "$status"
}

install_packages() { # packages
    say "installing $*"
    apt_get update || say "apt-get update failed; going on with the lists at hand"
    apt_get install --no-install-recommends "$@"
}

# ---- from PyPI ---------------------------------------------------------------

# CMake wants one path, so a script stands for `python -m ziglang c++`. Zig's
# names of processors have underscores where those of GCC have hyphens.
install_zig() {
    say "the package g++ cannot be had here: installing the compiler of ziglang into $venv." \
        "It compiles its own libraries first; that takes minutes"
    "$python" -m pip install -qq --disable-pip-version-check ziglang || return 1
    cat >"$zig" <<SH
#!/usr/bin/env bash
exec "$python" -m ziglang c++ "\${@/#-march=x86-64-/-march=x86_64_}"
SH
    chmod +x "$zig"
    compiles "$zig"
}

# ---- what is missing ---------------------------------------------------------

compiler=$(find_compiler) || compiler=
wanted=()
if [ -z "$compiler" ]; then wanted+=(g++ libc6-dev); fi
if ! have_headers; then
    wanted+=("$("$python" -c 'import sys; print("libpython%d.%d-dev" % sys.version_info[:2])')")
fi

if [ ${#wanted[@]} != 0 ]; then
    if have apt-get && become_root; then
        install_packages "${wanted[@]}" || say "apt could not install ${wanted[*]}"
    elif [ -z "$compiler" ] && have_headers; then
        install_zig || say "that compiler does not work here"
    fi
    compiler=$(find_compiler) || compiler=
fi

if [ -z "$compiler" ] || ! have_headers; then
    if have apt-get; then
        die "a C++20 compiler and the headers of Python are needed. Type:" \
            "sudo apt-get update && sudo apt-get install ${wanted[*]}"
    fi
    die "a C++20 compiler (GCC 11, Clang 14 or later) and the headers of $("$python" --version)" \
        "are needed: install them by your system's own means; CXX=/path/to/c++ names a compiler"
fi
echo "$compiler"
