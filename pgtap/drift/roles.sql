-- Drift of the two roles: attributes, memberships and settings.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(10);

select pg_temp.repairs(
    $$ alter role nodepg nologin $$,
    'changed role nodepg login: false -> true',
    'the runtime role may not log in'
);
select pg_temp.repairs(
    $$ alter role nodepg_owner login $$,
    'changed role nodepg_owner login: true -> false',
    'the owner role may log in'
);
select pg_temp.repairs(
    $$ alter role nodepg createdb createrole replication bypassrls $$,
    $$changed role nodepg bypassrls: true -> false
changed role nodepg createdb: true -> false
changed role nodepg createrole: true -> false
changed role nodepg replication: true -> false$$,
    'the runtime role got attributes'
);
select pg_temp.repairs(
    $$ alter role nodepg_owner createdb createrole replication bypassrls $$,
    $$changed role nodepg_owner bypassrls: true -> false
changed role nodepg_owner createdb: true -> false
changed role nodepg_owner createrole: true -> false
changed role nodepg_owner replication: true -> false$$,
    'the owner role got attributes'
);
select pg_temp.repairs(
    $$ grant nodepg_owner to nodepg $$,
    'removed membership of nodepg in nodepg_owner',
    'the runtime role is a member of the owner role'
);
select pg_temp.repairs(
    $$ grant pg_read_all_data to nodepg with admin option $$,
    'removed membership of nodepg in pg_read_all_data',
    'the runtime role may read everything'
);
select pg_temp.repairs(
    $$
        create role pgtap_carol;
        grant pgtap_carol to nodepg_owner;
    $$,
    'removed membership of nodepg_owner in pgtap_carol',
    'the owner role is a member of another'
);
select pg_temp.repairs(
    $$ alter role nodepg set search_path = x $$,
    'changed role nodepg settings: search_path=x -> null',
    'the runtime role has a search_path'
);
select pg_temp.repairs(
    $$ do $x$ begin execute format('alter role nodepg in database %I set role = pg_monitor', current_database()); end $x$ $$,
    'changed role nodepg settings: role=pg_monitor -> null',
    'the runtime role takes another role'
);
select pg_temp.repairs(
    $$ alter role nodepg_owner set search_path = x $$,
    'changed role nodepg_owner settings: search_path=x -> null',
    'the owner role has a search_path'
);

select * from finish();
rollback;
