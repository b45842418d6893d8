# shellcheck shell=bash
# A database for one script, with the newest release installed by psql.
# Sourced after messages.sh and postgres.sh, never run.

# make_store_database: creates it and sets `connection`, for psql's --dbname. The end of the script drops it, and the roles
# of the store as well unless they existed before: roles belong to the server.
make_store_database() {
    local released=(sql/released/V*.sql)
    if [[ ! -e "${released[-1]}" ]]; then die "nothing to install in sql/released/"; fi

    hide_password
    store_database="connect_pg_$$_$RANDOM"
    store_roles_before="$(superuser_psql --command="select rolname from pg_roles where rolname in ('nodepg', 'nodepg_owner')")"
    trap drop_store_database EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    superuser_psql --command="create database $store_database template template0"
    connection="$(connection_to "$store_database")"
    store_psql --file="${released[-1]}"
    store_psql --output=/dev/null --command="select * from public.correct_web()"
}

# store_psql ARGUMENT…: psql on that database: no ~/.psqlrc, bare output, stop at the first error.
store_psql() { psql -X --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --dbname="$connection" "$@"; }

# shellcheck disable=SC2317 # not unreachable: the trap calls it
drop_store_database() {
    local role
    superuser_psql --command="drop database if exists $store_database with (force)" || true
    for role in nodepg nodepg_owner; do
        if ! grep -qx "$role" <<<"$store_roles_before"; then
            superuser_psql --command="drop role if exists $role" || true
        fi
    done
}
