#!/usr/bin/env bash
# Install ngspice and its shared library, and the venv module of Python where it
# is missing. Nothing happens when everything is there already.
#
#   install-ngspice.sh                          a usable version into the system
#   install-ngspice.sh --version 39             that version into the system
#   install-ngspice.sh --version 46 --prefix D  that version unpacked under D
#
# On Debian bookworm, "auto" takes version 46 (with the KLU solver) from the
# backports suite, which is enabled with the mirror that the machine's own apt
# sources name; where that suite cannot be had, the distribution's version.
# With --prefix the apt set-up of the machine stays as it is, and the result is
# used by setting AMCSPICE_NGSPICE=D/usr.
set -euo pipefail

usage() {
    sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"
    echo "Usage: install-ngspice.sh [--version auto|N] [--prefix DIR]"
}

die() { echo "install-ngspice: $*" >&2; exit 1; }
say() { echo "install-ngspice: $*" >&2; }

version=auto
prefix=
while [ $# -gt 0 ]; do
    case $1 in
        --version) [ $# -ge 2 ] || die "--version needs a value"; version=$2; shift 2 ;;
        --prefix) [ $# -ge 2 ] || die "--prefix needs a folder"; prefix=$2; shift 2 ;;
        -h | --help) usage; exit 0 ;;
        *) die "unknown argument '$1'; see --help" ;;
    esac
done
[[ $version =~ ^(auto|[0-9]+)$ ]] || die "--version takes 'auto' or a number such as 46, not '$version'"

python=${PYTHON:-python3}
scratch=
cleanup() { if [ -n "$scratch" ]; then rm -rf "$scratch"; fi; }
trap cleanup EXIT

# ---- what is there -----------------------------------------------------------

have() { command -v "$1" >/dev/null 2>&1; }

# Major version of an ngspice binary, empty when it does not run.
binary_version() { # path, further arguments: NAME=VALUE for its environment
    local binary=$1
    shift
    env "$@" "$binary" --version </dev/null 2>/dev/null |
        sed -n 's/.*ngspice-\([0-9][0-9]*\).*/\1/p' | head -n 1 || true
}

# Can the dynamic linker load the library?
library_loads() { # file name or path
    if have "$python"; then
        "$python" -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "$1" >/dev/null 2>&1
    elif [ -e "$1" ]; then
        if ldd "$1" | grep -q 'not found'; then return 1; fi
    else
        PATH=$PATH:/sbin:/usr/sbin ldconfig -p | grep -q "$1"
    fi
}

# PySpice's shared mode takes the solver banner of 42 and 43 for a failure.
is_usable() { [ -n "$1" ] && [ "$1" != 42 ] && [ "$1" != 43 ]; }

# ---- becoming root -----------------------------------------------------------

# Runs a command as root, or says what to type.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    elif have sudo && [ -t 0 ]; then
        say "asking sudo for the right to run: $*"
        sudo "$@"
    else
        return 77
    fi
}

can_be_root() { [ "$(id -u)" = 0 ] || { have sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; }; }

apt_quiet() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o Dpkg::Use-Pty=0 "$@" </dev/null; }

# Runs a command; shows its output only if it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    if [ "$status" != 0 ]; then cat "$log" >&2; fi
    rm -f "$log"
    return "$status"
}

# ---- apt sources -------------------------------------------------------------

codename=
if [ -r /etc/os-release ]; then
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
fi

# Writes one source file a matching entry of the machine's apt sources, for
# another suite: SUITE.1.sources, SUITE.2.list, ... under a folder. An entry
# matches when it serves packages of this release's main component.
copy_sources_for() { # suite, folder
    local suite=$1 folder=$2 count=0 file name
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -r "$file" ] || continue
        # Paragraph mode keeps an embedded Signed-By key, whose lines are indented.
        grep -v '^#' "$file" | awk -v suite="$suite" -v codename="$codename" -v folder="$folder" \
            -v first="$count" '
            function field(name,    i, value, on) {
                value = ""; on = 0
                for (i = 1; i <= NF; i++) {
                    if ($i ~ /^[ \t]/) { if (on) value = value "\n" $i; continue }
                    on = (tolower(substr($i, 1, length(name) + 1)) == tolower(name ":"))
                    if (on) value = substr($i, length(name) + 2)
                }
                return value
            }
            function holds(list, word,    parts, n, i) {
                n = split(list, parts, /[ \t\n]+/)
                for (i = 1; i <= n; i++) if (parts[i] == word) return 1
                return 0
            }
            BEGIN { RS = ""; FS = "\n"; number = first }
            {
                suites = field("Suites")
                if (!holds(field("Types"), "deb") || !holds(field("Components"), "main")) next
                if (tolower(field("Enabled")) ~ /no|false|off/) next
                if (!holds(suites, codename) && !holds(suites, "stable") && !holds(suites, "oldstable")) next
                number++
                out = folder "/" suite "." number ".sources"
                printf "Types: deb\nURIs:%s\nSuites: %s\nComponents: main\n", field("URIs"), suite > out
                if (field("Signed-By") != "") printf "Signed-By:%s\n", field("Signed-By") > out
                close(out)
            }'
        count=$(find "$folder" -name "$suite.*" | wc -l)
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -r "$file" ] || continue
        while IFS= read -r name; do
            count=$((count + 1))
            printf '%s\n' "$name" >"$folder/$suite.$count.list"
        done < <(sed 's/#.*//' "$file" | awk -v suite="$suite" -v codename="$codename" '
            $1 == "deb" {
                at = 2
                if ($2 ~ /^\[/) while (at <= NF && $at !~ /\]$/) at++
                if ($2 ~ /^\[/) at++
                if ($(at + 1) != codename && $(at + 1) != "stable" && $(at + 1) != "oldstable") next
                if ($at ~ /^cdrom:/) next
                main = 0
                for (i = at + 2; i <= NF; i++) if ($i == "main") main = 1
                if (!main) next
                line = "deb"
                for (i = 2; i <= at; i++) line = line " " $i
                print line " " suite " main"
            }')
    done
}

# Newest full package version whose upstream number is the one asked for
# ("auto": any usable one); arguments after the first are options for apt.
candidate() { # version, apt options...
    local wanted=$1 package full
    shift
    for package in ngspice libngspice0; do
        apt-cache "$@" madison "$package" 2>/dev/null |
            awk -F' *[|] *' '{ print $2 }' | sort -u >"$scratch/$package.versions"
    done
    # Both packages must exist in the same version.
    comm -12 "$scratch/ngspice.versions" "$scratch/libngspice0.versions" | sort -rV |
        while IFS= read -r full; do
            if [ "$wanted" = auto ] || [[ $full =~ ^([0-9]+:)?$wanted([^0-9]|$) ]]; then
                echo "$full"
                break
            fi
        done
}

# ---- into the system ---------------------------------------------------------

manual_hint() {
    echo "This takes root rights. Type:" >&2
    echo "    sudo apt-get update && sudo apt-get install $*" >&2
}

backports_file=
add_backports() { # returns 0 when a source with version 46 has been added
    local suite=$codename-backports file target
    mkdir -p "$scratch/new"
    copy_sources_for "$suite" "$scratch/new"
    for file in "$scratch/new"/*; do
        [ -e "$file" ] || continue
        target=/etc/apt/sources.list.d/amcspice-$suite.${file##*.}
        as_root install -m 644 "$file" "$target"
        if quietly apt_quiet update -o Dir::Etc::sourcelist="$target" -o Dir::Etc::sourceparts=- \
            -o APT::Get::List-Cleanup=0 -o APT::Update::Error-Mode=any &&
            [ -n "$(candidate "$1")" ]; then
            backports_file=$target
            say "enabled the suite $suite in $target"
            return 0
        fi
        as_root rm -f "$target"
    done
    return 1
}

install_venv_module() {
    have "$python" || die "no Python at '$python'"
    if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then return 0; fi
    local package
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    have apt-get || die "'$python -m venv' does not work: install the venv and ensurepip modules of this Python"
    if ! can_be_root; then
        manual_hint "$package"
        exit 1
    fi
    say "installing $package"
    quietly apt_quiet update || say "apt-get update failed; going on with the lists at hand"
    quietly apt_quiet install --no-install-recommends "$package" || die "could not install $package"
}

install_into_system() {
    local installed full
    installed=$(binary_version ngspice)
    if { [ "$version" = auto ] && is_usable "$installed"; } || { [ "$version" != auto ] && [ "$version" = "$installed" ]; }; then
        if library_loads libngspice.so.0; then return 0; fi
    fi
    if ! have apt-get; then
        die "no apt-get here. Install ngspice (39, or 44 and later) with its shared library" \
            "libngspice.so.0 by your system's own means; both must be found without setting a path."
    fi
    if ! can_be_root; then
        manual_hint ngspice libngspice0
        if [ "$codename" = bookworm ]; then
            echo "or, for version 46 with its faster solver, let this script do it: sudo $0" >&2
        fi
        exit 1
    fi

    quietly apt_quiet update || say "apt-get update failed; going on with the lists at hand"
    local preferred=$version
    if [ "$codename" = bookworm ] && [ "$version" = auto ]; then preferred=46; fi
    full=$(candidate "$preferred")
    if [ -z "$full" ] && [ "$codename" = bookworm ] && add_backports "$preferred"; then
        full=$(candidate "$preferred")
    fi
    if [ -z "$full" ] && [ "$version" = auto ]; then full=$(candidate auto); fi
    [ -n "$full" ] || die "apt knows no ngspice ${version/auto/} with libngspice0;" \
        "check the machine's apt sources, or install it by other means"

    say "installing ngspice $full"
    if ! quietly apt_quiet install --no-install-recommends --allow-downgrades \
        "ngspice=$full" "libngspice0=$full"; then
        if [ -n "$backports_file" ]; then as_root rm -f "$backports_file"; fi
        die "apt could not install ngspice $full"
    fi
    installed=$(binary_version ngspice)
    [ -n "$installed" ] || die "ngspice was installed but does not run"
    library_loads libngspice.so.0 || die "libngspice0 was installed but does not load"
    if ! is_usable "$installed"; then
        say "ngspice $installed: the shared-library simulator does not work with 42 and 43, the batch one does"
    fi
    say "ngspice $installed is ready"
}

# ---- under a prefix ----------------------------------------------------------

# Full paths of the unpacked program and library, one a line.
unpacked_files() {
    find "$prefix/usr/bin/ngspice" "$prefix/usr/lib" \
        \( -name ngspice -type f -o -name 'libngspice.so.0.*' -type f \) 2>/dev/null
}

prefix_works() {
    local library found
    [ -x "$prefix/usr/bin/ngspice" ] && [ -e "$prefix/usr/share/ngspice/scripts/spinit" ] || return 1
    found=$(binary_version "$prefix/usr/bin/ngspice" SPICE_LIB_DIR="$prefix/usr/share/ngspice")
    [ -n "$found" ] || return 1
    [ "$version" = auto ] || [ "$version" = "$found" ] || return 1
    library=$(find "$prefix/usr/lib" -name 'libngspice.so.0' 2>/dev/null | head -n 1)
    [ -n "$library" ] && library_loads "$library"
}

missing_libraries() {
    unpacked_files | while IFS= read -r file; do ldd "$file"; done | awk '/not found/ { print $1 }' | sort -u
}

# Downloads the two packages into $scratch/debs with an apt of its own, which
# reads the machine's mirror and keys but changes nothing of the machine.
download_debs() {
    local suite full suites=("$codename" "$codename-backports")
    if [ "$version" = 46 ] || [ "$version" = auto ]; then suites=("$codename-backports" "$codename"); fi
    for suite in "${suites[@]}"; do
        local own="$scratch/apt-$suite"
        mkdir -p "$own/sources" "$own/lists/partial" "$own/cache/archives/partial" "$own/log" "$own/debs"
        copy_sources_for "$suite" "$own/sources"
        [ -n "$(ls -A "$own/sources")" ] || continue
        local apt_options=(
            -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$own/sources"
            -o Dir::State::lists="$own/lists" -o Dir::Cache="$own/cache" -o Dir::Log="$own/log"
            -o Acquire::Languages=none
        )
        if [ "$(id -u)" = 0 ]; then apt_options+=(-o APT::Sandbox::User=root); fi
        apt-get -q "${apt_options[@]}" update </dev/null >"$own/update.log" 2>&1 || true
        full=$(candidate "$version" "${apt_options[@]}")
        [ -n "$full" ] || continue
        say "downloading ngspice $full"
        (cd "$own/debs" && quietly apt-get -q "${apt_options[@]}" download \
            "ngspice=$full" "libngspice0=$full" </dev/null) || continue
        mv "$own/debs" "$scratch/debs"
        return 0
    done
    cat "$scratch"/apt-*/update.log >&2 2>/dev/null || true
    return 1
}

install_under_prefix() {
    local deb names missing
    mkdir -p "$prefix"
    prefix=$(cd "$prefix" && pwd)
    if prefix_works; then return 0; fi
    { have apt-get && have dpkg-deb; } || die "--prefix unpacks Debian packages: apt-get and dpkg-deb are needed"
    [ -n "$codename" ] || die "/etc/os-release names no release, so no suite to download from"
    download_debs || die "ngspice ${version/auto/} could not be downloaded from the suites of $codename"
    rm -rf "${prefix:?}/usr"
    for deb in "$scratch"/debs/*.deb; do dpkg-deb -x "$deb" "$prefix"; done
    # The packaged start-up file loads code models from where the package would
    # be installed, which may be those of another version.
    cat >"$prefix/usr/share/ngspice/scripts/spinit" <<'SPINIT'
* Start-up commands of an unpacked ngspice: no code models are loaded.
alias exit quit
SPINIT

    missing=$(missing_libraries)
    if [ -n "$missing" ]; then
        names=$(for deb in "$scratch"/debs/*.deb; do dpkg-deb -f "$deb" Depends; done |
            tr ',' '\n' | sed -e 's/|.*//' -e 's/(.*//' -e 's/[[:space:]]//g' |
            grep -v -e '^libngspice0$' -e '^ngspice$' -e '^$' | sort -u | tr '\n' ' ')
        if ! can_be_root; then
            say "the unpacked ngspice lacks these libraries:" "$missing"
            manual_hint "$names"
            exit 1
        fi
        say "installing the libraries that the unpacked ngspice needs"
        quietly apt_quiet update || say "apt-get update failed; going on with the lists at hand"
        # shellcheck disable=SC2086 # one word a package
        quietly apt_quiet install --no-install-recommends $names || die "could not install: $names"
    fi
    prefix_works || die "the ngspice unpacked in $prefix does not run; remove that folder and try again"
    say "ready: AMCSPICE_NGSPICE=$prefix/usr"
}

scratch=$(mktemp -d)
if [ -n "$prefix" ]; then
    install_under_prefix
else
    install_venv_module
    install_into_system
fi
