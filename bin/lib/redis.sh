# shellcheck shell=bash
# Finding Redis, or installing its program without a server of the machine's own. Needs messages.sh and
# packages.sh. Sourced, never run.

# redis_server DIRECTORY: prints a program that is Redis' server; status 1 if there is none to be had.
# Debian and Ubuntu have it in redis-tools too, under the name of the tool that checks dumps (which of
# the two it is goes by the name it is called by); the package redis-server would start a service, now
# and at every boot. DIRECTORY is where a link with the right name is put.
redis_server() {
    if command -v redis-server; then return 0; fi
    if ! command -v redis-check-rdb >/dev/null; then
        package_can_be_had redis-tools || return 1
        ensure_packages redis-tools >&2
    fi
    mkdir -p -- "$1"
    ln -sfn -- "$(command -v redis-check-rdb)" "$1/redis-server"
    "$1/redis-server" --version 2>/dev/null | grep -q '^Redis server' || return 1
    printf '%s\n' "$1/redis-server"
}
