# shellcheck shell=bash
# Installs missing packages on Debian and Ubuntu. Elsewhere it names what is missing. Needs messages.sh. Sourced, never run.

# ensure_packages PACKAGE…: installs them, or ends the script with exit code 2 and a text that names them.
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
    # Old lists name files that the archive no longer has: refresh the lists once and try again.
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

# package_offered PACKAGE: whether this machine's package lists name it.
package_offered() {
    # No "| grep -q" here: grep may leave before apt-cache has finished, and then apt-cache fails.
    [[ "$(LC_ALL=C apt-cache policy "$1" 2>/dev/null)" == *"Candidate: "[!\(]* ]]
}

# package_can_be_had PACKAGE: whether ensure_packages can install it here. Refreshes the lists if they do not name it.
package_can_be_had() {
    if ! command -v apt-get >/dev/null || ! is_installer; then return 1; fi
    if ! package_offered "$1"; then refresh_package_lists; fi
    package_offered "$1"
}

# is_installer: whether this user can install packages.
is_installer() { ((EUID == 0)) || command -v sudo >/dev/null; }

# may_install PACKAGE…: ends the script if this user cannot install packages.
may_install() {
    if ! is_installer; then
        die "installing packages needs root, and there is no sudo here. As root: apt-get install $*"
    fi
}

as_root() { if ((EUID == 0)); then "$@"; else sudo -- "$@"; fi; }

# A refresh takes longer than most installs, so it happens at most once, and only if it is needed.
package_lists_fresh=''
refresh_package_lists() {
    if [[ -n "$package_lists_fresh" ]]; then return 0; fi
    apt_get update || warn "apt-get update failed; continuing with the existing package lists"
    package_lists_fresh=yes
}

# Asks nothing, restarts no service (needrestart on Ubuntu), and waits for another apt-get. Shows its output only
# after a failure.
apt_get() {
    local output status=0
    output="$(as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get --quiet --option DPkg::Lock::Timeout=300 --option Dpkg::Use-Pty=0 "$@" </dev/null 2>&1)" || status=$?
    if ((status != 0)); then printf '%s\n' "$output" >&2; fi
    return "$status"
}

# install_packages PACKAGE…: installs without creating or starting a server. Debian's PostgreSQL creates a cluster
# "main" unless a file in this directory says otherwise. Other packages start no service while a policy refuses it (invoke-rc.d).
# The subshell's trap removes both files after the install.
install_packages() (
    directory=/etc/postgresql-common/createcluster.d
    file="$directory/zz-no-main-cluster-$$.conf"
    policy=/usr/sbin/policy-rc.d own_policy=no
    made=()
    for parent in /etc/postgresql-common "$directory"; do
        if [[ ! -d "$parent" ]]; then made=("$parent" "${made[@]}"); fi
    done
    # rmdir removes the new directories only if they are empty.
    # shellcheck disable=SC2317 # the trap calls it
    undo() {
        as_root rm -f -- "$file"
        if [[ "$own_policy" == yes ]]; then as_root rm -f -- "$policy"; fi
        if ((${#made[@]} > 0)); then as_root rmdir -- "${made[@]}" 2>/dev/null || true; fi
    }
    trap undo EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    as_root mkdir -p -- "$directory"
    printf 'create_main_cluster = false\n' | as_root tee -- "$file" >/dev/null

    if [[ ! -e "$policy" ]]; then
        own_policy=yes
        printf '#!/bin/sh\nexit 101\n' | as_root tee -- "$policy" >/dev/null
        as_root chmod 0755 -- "$policy"
    fi
    server_packages=no
    for package in "$@"; do
        if [[ "$package" =~ ^postgresql ]]; then server_packages=yes; fi
    done
    if [[ "$server_packages" == yes ]] && ! package_installed postgresql-common; then
        apt_get install --yes --no-install-recommends postgresql-common || exit 1
    fi
    # A changed createcluster.conf may not include that directory. Check before the install.
    if [[ "$server_packages" == yes ]] &&
        [[ "$(pg_conftool -bs /etc/postgresql-common/createcluster.conf show create_main_cluster 2>/dev/null)" != off ]]; then
        die "installing PostgreSQL would create a server of the machine's own. Put the line" \
            "'create_main_cluster = false' into /etc/postgresql-common/createcluster.conf, and try again"
    fi
    apt_get install --yes --no-install-recommends "$@"
)
