-- Drift of the two roles: attributes, memberships and settings.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(19);

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
    'changed role nodepg settings: enable_seqscan=off, jit=off, lock_timeout=10s, search_path=x -> enable_seqscan=off, jit=off, lock_timeout=10s',
    'the runtime role has a search_path'
);
select pg_temp.repairs(
    $$ do $x$ begin execute format('alter role nodepg in database %I set role = pg_monitor', current_database()); end $x$ $$,
    'changed role nodepg settings: enable_seqscan=off, jit=off, lock_timeout=10s, role=pg_monitor -> enable_seqscan=off, jit=off, lock_timeout=10s',
    'the runtime role takes another role'
);
select pg_temp.repairs(
    $$ alter role nodepg_owner set search_path = x $$,
    'changed role nodepg_owner settings: search_path=x -> null',
    'the owner role has a search_path'
);

-- What an attacker with the password can leave behind.
select pg_temp.repairs(
    $$ alter role nodepg set default_transaction_isolation = 'serializable' $$,
    'changed role nodepg settings: default_transaction_isolation=serializable, enable_seqscan=off, jit=off, lock_timeout=10s -> enable_seqscan=off, jit=off, lock_timeout=10s',
    'the runtime role is serializable'
);
select pg_temp.repairs(
    $$ do $x$ begin execute format('alter role nodepg in database %I set debug_print_plan = on', current_database()); end $x$ $$,
    'changed role nodepg settings: debug_print_plan=on, enable_seqscan=off, jit=off, lock_timeout=10s -> enable_seqscan=off, jit=off, lock_timeout=10s',
    'the runtime role prints plans'
);
select pg_temp.repairs(
    $$
        alter role nodepg set statement_timeout = '1ms';
        alter role nodepg set idle_session_timeout = 99;
    $$,
    'changed role nodepg settings: enable_seqscan=off, idle_session_timeout=99, jit=off, lock_timeout=10s, statement_timeout=1ms -> enable_seqscan=off, jit=off, lock_timeout=10s',
    'the timeouts of the runtime role are too short'
);
select pg_temp.repairs(
    $$ alter role nodepg_owner set client_min_messages = 'debug5' $$,
    'changed role nodepg_owner settings: client_min_messages=debug5 -> null',
    'the owner role has a setting'
);
select pg_temp.repairs(
    $$
        alter role nodepg set shop.tenant = '1';
        alter role nodepg set plan_cache_mode = 'force_custom_plan';
    $$,
    'changed role nodepg settings: enable_seqscan=off, jit=off, lock_timeout=10s, plan_cache_mode=force_custom_plan, shop.tenant=1 -> enable_seqscan=off, jit=off, lock_timeout=10s',
    'the runtime role has settings of extensions'
);

-- What an install sets.

select pg_temp.repairs(
    $$ do $x$ begin execute format('alter role nodepg in database %I reset enable_seqscan', current_database()); end $x$ $$,
    'changed role nodepg settings: jit=off, lock_timeout=10s -> enable_seqscan=off, jit=off, lock_timeout=10s',
    'scans of the whole table are not disabled'
);
select pg_temp.repairs(
    $$ do $x$ begin execute format('alter role nodepg in database %I set jit = on', current_database()); end $x$ $$,
    'changed role nodepg settings: enable_seqscan=off, jit=on, lock_timeout=10s -> enable_seqscan=off, jit=off, lock_timeout=10s',
    'plans are compiled'
);
do $x$ begin execute format('alter role nodepg in database %I set lock_timeout = 3000', current_database()); end $x$;
select is(pg_temp.correction(), null, 'another lock_timeout stays');

-- What is an operator's stays.
do $$
begin
    alter role nodepg set statement_timeout = '5s';
    alter role nodepg set lock_timeout = 0;
    alter role nodepg set idle_session_timeout = '1.5h';
    alter role nodepg set timezone = 'UTC';
    alter role nodepg set log_min_duration_statement = 1000;
    alter role nodepg set work_mem = '8MB';
    alter role nodepg set application_name = 'shop';
end;
$$;
select is_empty('select * from public.correct_web()', 'timeouts of 100 ms or more, and what else is an operator''s, stay');
select * from finish();
rollback;
