# shellcheck shell=bash
# Finds Redis, or installs its program without a service. Needs messages.sh and packages.sh. Sourced, never run.

# redis_server DIRECTORY: prints the path of a program that is the Redis server; status 1 if there is none.
# In Debian's redis-tools, redis-check-rdb is the same program: the name of a call decides what it does. A link in
# DIRECTORY supplies the other name. The package redis-server would start a service.
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
