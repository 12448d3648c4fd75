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
export LC_ALL=C

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

# Ends the script with the command that the user, or somebody with the rights, types.
ask_for_root() { # packages
    say "root rights are needed, and sudo does not give them here. Type:"
    echo "    sudo apt-get update && sudo apt-get install $*" >&2
    exit 1
}

apt_get() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -y -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

refresh_lists() { quietly apt_get update || say "apt-get update failed; going on with the lists at hand"; }

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
        sed '/^#/d' "$file" | awk -v suite="$suite" -v codename="$codename" -v folder="$folder" \
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

backports_file=
add_backports() { # returns 0 when a source with version 46 has been added
    local suite=$codename-backports file target
    mkdir -p "$scratch/new"
    copy_sources_for "$suite" "$scratch/new"
    for file in "$scratch/new"/*; do
        [ -e "$file" ] || continue
        target=/etc/apt/sources.list.d/amcspice-$suite.${file##*.}
        "${as_root[@]}" install -m 644 "$file" "$target"
        if quietly apt_get update -o Dir::Etc::sourcelist="$target" -o Dir::Etc::sourceparts=- \
            -o APT::Get::List-Cleanup=0 -o APT::Update::Error-Mode=any &&
            [ -n "$(candidate "$1")" ]; then
            backports_file=$target
            say "enabled the suite $suite in $target"
            return 0
        fi
        "${as_root[@]}" rm -f "$target"
    done
    say "ngspice $1 cannot be had from the suite $suite"
    return 1
}

# Package with the venv module of $python, empty when the module works.
missing_venv_package() {
    have "$python" || die "no Python at '$python'"
    if "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then return 0; fi
    "$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
}

system_ngspice_suffices() {
    local installed
    installed=$(binary_version ngspice)
    [ -n "$installed" ] && library_loads libngspice.so.0 || return 1
    if [ "$version" != auto ]; then
        [ "$version" = "$installed" ]
    elif is_usable "$installed"; then
        return 0
    elif [[ $(candidate auto) =~ ^([0-9]+:)?$installed([^0-9]|$) ]]; then
        batch_only "$installed" # nothing newer to be had
    else
        return 1
    fi
}

batch_only() { say "ngspice $1: the shared-library simulator cannot work with 42 and 43; the batch simulator does"; }

# Is AMCSPICE_NGSPICE set, and does it lead to a program that runs?
own_ngspice_suffices() {
    [ "$version" = auto ] && [ -n "${AMCSPICE_NGSPICE:-}" ] &&
        [ -n "$(binary_version "$AMCSPICE_NGSPICE/bin/ngspice" SPICE_LIB_DIR="$AMCSPICE_NGSPICE/share/ngspice")" ]
}

prepare_system() {
    local venv_package need_ngspice=1 wanted=()
    venv_package=$(missing_venv_package)
    if own_ngspice_suffices || system_ngspice_suffices; then need_ngspice=; fi
    if [ -n "$venv_package" ]; then wanted+=("$venv_package"); fi
    if [ -n "$need_ngspice" ]; then wanted+=(ngspice libngspice0); fi
    if [ ${#wanted[@]} = 0 ]; then return 0; fi

    if ! have apt-get; then
        die "no apt-get here; install by your system's own means:" \
            "${need_ngspice:+ngspice (39, or 44 and later) with its shared library libngspice.so.0;}" \
            "${venv_package:+the venv and ensurepip modules of $python}"
    fi
    become_root || ask_for_root "${wanted[@]}"
    refresh_lists
    if [ -n "$venv_package" ]; then
        say "installing $venv_package"
        quietly apt_get install --no-install-recommends "$venv_package" || die "apt could not install $venv_package"
    fi
    if [ -n "$need_ngspice" ]; then install_ngspice; fi
}

install_packages() { # full version
    say "installing ngspice $1"
    quietly apt_get install --no-install-recommends --allow-downgrades "ngspice=$1" "libngspice0=$1"
}

install_ngspice() {
    local installed full
    local preferred=$version
    if [ "$codename" = bookworm ] && [ "$version" = auto ]; then preferred=46; fi
    full=$(candidate "$preferred")
    if [ -z "$full" ] && [ "$codename" = bookworm ] && add_backports "$preferred"; then
        full=$(candidate "$preferred")
    fi
    if [ -n "$full" ] && ! install_packages "$full"; then
        if [ -n "$backports_file" ]; then "${as_root[@]}" rm -f "$backports_file"; fi
        full=
    fi
    if [ -z "$full" ] && [ "$version" = auto ]; then
        full=$(candidate auto)
        if [ -n "$full" ] && ! install_packages "$full"; then full=; fi
    fi
    [ -n "$full" ] || die "apt could not provide ngspice ${version/auto/(any version)} with libngspice0;" \
        "check the machine's apt sources, or install it by other means"

    installed=$(binary_version ngspice)
    [ -n "$installed" ] || die "ngspice was installed but does not run"
    library_loads libngspice.so.0 || die "libngspice0 was installed but does not load"
    is_usable "$installed" || batch_only "$installed"
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
    local deb missing names=()
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

    missing=$(missing_libraries | tr '\n' ' ')
    if [ -n "$missing" ]; then
        say "the unpacked ngspice needs libraries that are missing: $missing"
        mapfile -t names < <(for deb in "$scratch"/debs/*.deb; do dpkg-deb -f "$deb" Depends; done |
            tr ',' '\n' | sed -e 's/|.*//' -e 's/(.*//' -e 's/[[:space:]]//g' |
            grep -v -e '^libngspice0$' -e '^$' | sort -u |
            while IFS= read -r name; do
                dpkg-query -W -f '${Status}\n' "$name" 2>/dev/null | grep -q ' installed$' || echo "$name"
            done)
        become_root || ask_for_root "${names[@]}"
        refresh_lists
        say "installing ${names[*]}"
        quietly apt_get install --no-install-recommends "${names[@]}" || die "apt could not install them"
    fi
    prefix_works || die "the ngspice unpacked in $prefix does not run; remove that folder and try again"
    say "ready: AMCSPICE_NGSPICE=$prefix/usr"
}

scratch=$(mktemp -d)
if [ -n "$prefix" ]; then
    install_under_prefix
else
    prepare_system
fi
