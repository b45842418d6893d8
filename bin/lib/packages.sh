# shellcheck shell=bash
# Installing what is missing on Debian and Ubuntu; elsewhere, saying what is missing. Needs messages.sh.
# Sourced, never run.

# ensure_packages PACKAGE…: all of them are installed afterwards, or the script has ended with exit
# code 2 and a text that names them.
ensure_packages() {
    local missing=() package
    for package in "$@"; do
        package_installed "$package" || missing+=("$package")
    done
    if ((${#missing[@]} == 0)); then return 0; fi
    if ! command -v apt-get >/dev/null; then
        die "missing here: what Debian calls ${missing[*]}. Install that with this system's own package manager"
    fi
    may_install "${missing[@]}"
    heading "Installing ${missing[*]} (apt-get)"
    for package in "${missing[@]}"; do
        if ! package_offered "$package"; then
            refresh_package_lists
            break
        fi
    done
    # Lists that are old name files that the archive no longer has: refresh them, once, and try again.
    local status=0
    install_packages "${missing[@]}" || status=$?
    if ((status != 0 && status != 2)) && [[ -z "$package_lists_fresh" ]]; then
        refresh_package_lists
        status=0
        install_packages "${missing[@]}" || status=$?
    fi
    if ((status == 2)); then exit 2; fi # it has said why
    if ((status != 0)); then die "apt-get could not install ${missing[*]}; its messages are above"; fi
}

# package_installed PACKAGE
package_installed() {
    [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

# package_offered PACKAGE: whether the lists, as they are on this machine now, know it.
package_offered() {
    # Not "| grep -q": that one may leave before apt-cache has finished, which then fails for it.
    [[ "$(LC_ALL=C apt-cache policy "$1" 2>/dev/null)" == *"Candidate: "[!\(]* ]]
}

# package_can_be_had PACKAGE: whether ensure_packages would find it, with lists that are fresh if need be.
package_can_be_had() {
    command -v apt-get >/dev/null || return 1
    if ! package_offered "$1"; then
        may_install "$1"
        refresh_package_lists
    fi
    package_offered "$1"
}

# may_install PACKAGE…: ends the script where neither root nor sudo is there to install them.
may_install() {
    if ((EUID != 0)) && ! command -v sudo >/dev/null; then
        die "installing packages needs root, and there is no sudo here. As root: apt-get install $*"
    fi
}

as_root() { if ((EUID == 0)); then "$@"; else sudo -- "$@"; fi; }

# Refreshing takes longer than most installs, so it happens when it is needed, and then once.
package_lists_fresh=''
refresh_package_lists() {
    if [[ -n "$package_lists_fresh" ]]; then return 0; fi
    apt_get update || warn "apt-get update failed; going on with the lists that are here"
    package_lists_fresh=yes
}

# No questions; no restart of other services (needrestart, on Ubuntu's servers); patience with another
# apt-get at work. Its many lines are shown only where they explain a failure.
apt_get() {
    local output status=0
    output="$(as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get --quiet --option DPkg::Lock::Timeout=300 --option Dpkg::Use-Pty=0 "$@" </dev/null 2>&1)" || status=$?
    if ((status != 0)); then printf '%s\n' "$output" >&2; fi
    return "$status"
}

# install_packages PACKAGE…: without creating or starting a server of the machine's own. Debian's
# PostgreSQL makes a cluster "main" when a major version is first installed, unless told otherwise in
# this directory, which postgresql-common leaves to the administrator; the file is there for the time
# of the install only. In a subshell, so that its trap removes the file whatever happens.
install_packages() (
    directory=/etc/postgresql-common/createcluster.d
    file="$directory/zz-no-main-cluster-$$.conf"
    made=()
    for parent in /etc/postgresql-common "$directory"; do
        if [[ ! -d "$parent" ]]; then made=("$parent" "${made[@]}"); fi
    done
    # Directories that were not there go again where nothing else has come to live in them.
    # shellcheck disable=SC2317 # not unreachable: the trap calls it
    undo() {
        as_root rm -f -- "$file"
        if ((${#made[@]} > 0)); then as_root rmdir -- "${made[@]}" 2>/dev/null || true; fi
    }
    trap undo EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    as_root mkdir -p -- "$directory"
    printf 'create_main_cluster = false\n' | as_root tee -- "$file" >/dev/null

    server_packages=no
    for package in "$@"; do
        if [[ "$package" =~ ^postgresql ]]; then server_packages=yes; fi
    done
    if [[ "$server_packages" == yes ]] && ! package_installed postgresql-common; then
        apt_get install --yes --no-install-recommends postgresql-common || exit 1
    fi
    # An administrator's own createcluster.conf may not read that directory. Ask before it is too late.
    if [[ "$server_packages" == yes ]] &&
        [[ "$(pg_conftool -bs /etc/postgresql-common/createcluster.conf show create_main_cluster 2>/dev/null)" != off ]]; then
        die "installing PostgreSQL would create a server of the machine's own. Put the line" \
            "'create_main_cluster = false' into /etc/postgresql-common/createcluster.conf, and try again"
    fi
    apt_get install --yes --no-install-recommends "$@"
)
