# shellcheck shell=bash
# Finds PostgreSQL: the programs on this machine, or the server that the environment names. Sourced, never run.

# postgres_bindir: prints the directory of initdb and postgres; status 1 if there is none. Looks at PG_BINDIR alone if
# it is set; otherwise at the layout of Debian and Ubuntu (newest version first), at pg_config, and at PATH.
postgres_bindir() {
    local candidate
    if [[ -n "${PG_BINDIR:-}" ]]; then
        is_postgres_bindir "$PG_BINDIR" || return 1
        printf '%s\n' "$PG_BINDIR"
        return
    fi
    while IFS= read -r candidate; do
        if is_postgres_bindir "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done < <(
        printf '%s\n' /usr/lib/postgresql/*/bin | sort --version-sort --reverse
        pg_config --bindir 2>/dev/null || true
        dirname -- "$(readlink -f -- "$(command -v initdb || true)")" 2>/dev/null || true
    )
    return 1
}

is_postgres_bindir() { [[ -x "$1/initdb" && -x "$1/postgres" ]]; }

# server_user_can_run PATH: whether the user postgres, as which a server of root runs, can reach a program or a directory.
server_user_can_run() {
    ((EUID != 0)) || ! id -u postgres >/dev/null 2>&1 ||
        (cd / && setpriv --reuid=postgres --regid="$(id -g postgres)" --init-groups -- test -x "$1")
}

# server_is_named: whether the environment names a server. An empty variable counts as unset, as in libpq.
server_is_named() {
    [[ -n "${PGHOST:-}${PGHOSTADDR:-}${PGSERVICE:-}${DATABASE_URL:-}" ]]
}

# hide_password: moves the password of a DATABASE_URL of the form scheme://user:password@… to PGPASSWORD. psql takes
# the URL as an argument, and every user of the machine can see arguments.
hide_password() {
    local url="${DATABASE_URL:-}" scheme login rest password
    if [[ "$url" != *://*@* ]]; then return 0; fi
    scheme="${url%%://*}" rest="${url#*://}"
    # A '/' or '?' ends the part with the login; in a password both are percent-encoded.
    login="${rest%%[/?]*}"
    if [[ "$login" != *:*@* ]]; then return 0; fi
    login="${login%@*}"
    rest="${rest#"$login"@}"
    password="${login#*:}"
    password="${password//\\/\\\\}"
    printf -v PGPASSWORD '%b' "${password//%/\\x}"
    DATABASE_URL="$scheme://${login%%:*}@$rest"
    export PGPASSWORD DATABASE_URL
}

# superuser_psql ARGUMENT…: runs psql on the named server's maintenance database: no ~/.psqlrc, bare output, stop at the
# first error.
superuser_psql() {
    local where=()
    if [[ -n "${DATABASE_URL:-}" ]]; then where=(--dbname="$DATABASE_URL"); fi
    psql -X --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 "${where[@]}" "$@"
}

# connection_to DATABASE: prints what psql's --dbname takes for another database of the named server.
connection_to() {
    local url="${DATABASE_URL:-}" head tail
    case "$url" in
        '') printf '%s\n' "$1" ;;
        postgres://* | postgresql://*)
            # scheme://user@host:port[/database][?parameters]: replace the database.
            tail=''
            if [[ "$url" == *\?* ]]; then tail="?${url#*\?}"; fi
            head="${url%%\?*}"
            head="${head%"${head#*://}"}${head#*://}"
            if [[ "${head#*://}" == */* ]]; then head="${head%/*}"; fi
            printf '%s/%s%s\n' "$head" "$1" "$tail"
            ;;
        # key=value settings: the last value of a key counts.
        *) printf '%s dbname=%s\n' "$url" "$1" ;;
    esac
}
