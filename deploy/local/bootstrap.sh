#!/usr/bin/env bash
# Makes this machine ready for `make demo` (argument: run) or `make test` (argument: test): what is missing is installed,
# what is there is left alone, and a second call takes about a second.
#   Debian packages   only the missing ones, with apt-get as root or through sudo
#   .venv             Python packages in the versions of deploy/constraints.txt
#   private root      the database and the broker, unpacked into the user's cache (deploy/local/root.py)
# With LIFELINE_DATABASE_URL and LIFELINE_MQTT_URL set, the private root and what it needs are not asked for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
purpose=${1:-run}
stamp=.venv/lifeline-stamp

say() { printf 'install: %s\n' "$*"; }
fail() {
    printf 'install: %s\n' "$@" >&2
    exit 1
}
own_servers() { [ -n "${LIFELINE_DATABASE_URL:-}" ] && [ -n "${LIFELINE_MQTT_URL:-}" ]; }
has() { command -v "$1" >/dev/null 2>&1; }

# One installation at a time in this tree; the lock goes with the process.
exec 9<Makefile
flock --nonblock 9 || { say "another installation in this folder is running: waiting for it"; flock 9; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if has "$candidate" && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

missing_packages() {
    [ -x .venv/bin/python ] || "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    if ! own_servers; then
        has mmdebstrap || echo mmdebstrap
        has bwrap || echo bubblewrap
        [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || echo debian-archive-keyring
        # the PDF of the supervision report: a layout library, and any font with Chinese letters
        compgen -G '/usr/lib/*/libpangoft2-1.0.so.0' >/dev/null || echo libpangoft2-1.0-0
        [ "$purpose" = test ] || [ -n "$(fc-list :lang=zh-cn family 2>/dev/null)" ] || echo fonts-wqy-microhei
    fi
    if [ "$purpose" = test ]; then
        has chromium || echo chromium
        compgen -G '/usr/share/fonts/opentype/noto/NotoSansCJK*' >/dev/null || echo fonts-noto-cjk
    fi
}

install_packages() {
    local advice="install them by hand ($*) and start again"
    own_servers ||
        advice="$advice; or set LIFELINE_DATABASE_URL and LIFELINE_MQTT_URL to servers of your own and use the \`lifeline\` verbs"
    has apt-get || fail "these Debian packages are missing and there is no apt-get: $*" "$advice"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        has sudo || fail "these Debian packages are missing, and you are neither root nor is there sudo: $*" "$advice"
        as_root=(sudo)
    fi
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    say "installing Debian packages: $*"
    "${apt[@]}" update || say "apt-get update failed for some source; going on with the package lists that are there"
    "${apt[@]}" install --yes --no-install-recommends "$@" ||
        fail "apt-get could not install $*; its own words are above" "mend that (network, disk space, package sources), or $advice"
}

# What decides whether .venv is up to date: the interpreter, the project's packages, their versions.
wanted_stamp() {
    .venv/bin/python - <<'PY'
import hashlib, json, pathlib, sys, tomllib
project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())
parts = [sys.version, str(pathlib.Path.cwd()), json.dumps([project["project"], project["build-system"]], sort_keys=True)]
parts.append(pathlib.Path("deploy/constraints.txt").read_text())
print(hashlib.sha256("\n".join(parts).encode()).hexdigest())
PY
}

pip_progress() {
    awk '/^Collecting / { if (++n % 20 == 0) print "install:   " n " packages found" }
         /^(Installing|Building)/ { print "install:   " tolower($1) " " n " packages" } { fflush() }'
}

install_python() {
    if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        say "making .venv with $("$python" --version)"
        rm -rf .venv
        "$python" -m venv .venv || fail "python -m venv failed" "see the lines above; on Debian it needs the package python3-venv"
    fi
    [ "$(cat "$stamp" 2>/dev/null)" != "$(wanted_stamp)" ] || return 0
    say "installing Python packages into .venv (some minutes the first time)"
    .venv/bin/python -m pip install --disable-pip-version-check --constraint deploy/constraints.txt \
        --editable '.[dev]' | pip_progress ||
        fail "pip could not install the Python packages; its own words are above" \
            "check the network and pip's configuration and start again; what was installed is kept"
    wanted_stamp >"$stamp"
    say "Python packages are ready"
}

python=$(find_python) || fail "no Python 3.11 or newer was found" \
    "install it (Debian 12 and 13: apt-get install python3), or name it: make PYTHON=/path/to/python3 ..."
mapfile -t missing < <(missing_packages)
[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
install_python
own_servers || .venv/bin/python -m deploy.local
