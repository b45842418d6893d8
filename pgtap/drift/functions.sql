-- Drift of functions: routines that are missing, changed, renamed or added.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(22);

select pg_temp.repairs(
    $$ drop function web.load_session(bytea, boolean) $$,
    $$created function load_session(bytea, boolean)
created privilege EXECUTE on function load_session(bytea, boolean) to nodepg$$,
    'a function was dropped'
);
select pg_temp.repairs(
    $$ drop function web.slide_session(bytea) $$,
    'created function slide_session(bytea)',
    'a private function was dropped'
);
select pg_temp.repairs(
    $$ create or replace function web.count_sessions() returns integer language plpgsql stable security definer set search_path = pg_catalog, pg_temp as 'begin return 42; end' $$,
    'changed function count_sessions() body',
    'the body of a function was changed'
);
select pg_temp.repairs(
    $$
        drop function web.get_session_data(text);
        create function web.get_session_data(id text) returns setof text language plpgsql stable security definer set search_path = pg_catalog, pg_temp as 'begin end';
        alter function web.get_session_data(text) owner to nodepg_owner;
        comment on function web.get_session_data(text) is 'x';
    $$,
    $$changed function get_session_data(text) arguments: id text -> sessid text
changed function get_session_data(text) body
changed function get_session_data(text) comment
created privilege EXECUTE on function get_session_data(text) to nodepg
removed privilege EXECUTE on function get_session_data(text) to PUBLIC$$,
    'a function has other parameter names'
);
select pg_temp.repairs(
    $$
        drop function web.end_session(bytea);
        create function web.end_session(p_key bytea) returns integer language sql as 'select 1';
        alter function web.end_session(bytea) owner to nodepg_owner;
    $$,
    $$changed function end_session(bytea) body
changed function end_session(bytea) comment
changed function end_session(bytea) language: sql -> plpgsql
changed function end_session(bytea) result: integer -> boolean
changed function end_session(bytea) security definer: false -> true
changed function end_session(bytea) settings: null -> search_path=pg_catalog, pg_temp, debug_print_plan=off
created privilege EXECUTE on function end_session(bytea) to nodepg
removed privilege EXECUTE on function end_session(bytea) to PUBLIC$$,
    'a function returns something else'
);
select pg_temp.repairs(
    $$ create or replace function web.count_sessions() returns integer language sql stable security definer set search_path = pg_catalog, pg_temp as 'select 42' $$,
    $$changed function count_sessions() body
changed function count_sessions() language: sql -> plpgsql$$,
    'a function has another language'
);
select pg_temp.repairs(
    $$ alter function web.slide_session(bytea) security invoker $$,
    'changed function slide_session(bytea) security definer: false -> true',
    'a function is not security definer any more'
);
select pg_temp.repairs(
    $$ alter function web.slide_session(bytea) reset search_path $$,
    'changed function slide_session(bytea) settings: null -> search_path=pg_catalog, pg_temp',
    'a function lost its search_path'
);
select pg_temp.repairs(
    $$ alter function web.slide_session(bytea) set search_path = public $$,
    'changed function slide_session(bytea) settings: search_path=public -> search_path=pg_catalog, pg_temp',
    'a function has another search_path'
);
select pg_temp.repairs(
    $$ alter function web.slide_session(bytea) set work_mem = '1GB' $$,
    'changed function slide_session(bytea) settings: search_path=pg_catalog, pg_temp, work_mem=1GB -> search_path=pg_catalog, pg_temp',
    'a function sets something else'
);
select pg_temp.repairs(
    $$ alter function web.load_session(bytea, boolean) stable $$,
    'changed function load_session(bytea, boolean) volatility: s -> v',
    'a function has another volatility'
);
select pg_temp.repairs(
    $$ alter function web.load_session(bytea, boolean) strict $$,
    'changed function load_session(bytea, boolean) strict: true -> false',
    'a function became strict'
);
select pg_temp.repairs(
    $$ alter function web.load_session(bytea, boolean) leakproof parallel safe $$,
    $$changed function load_session(bytea, boolean) leakproof: true -> false
changed function load_session(bytea, boolean) parallel: s -> u$$,
    'a function became leakproof and parallel safe'
);
select pg_temp.repairs(
    $$ comment on function web.end_session(bytea) is 'x' $$,
    'changed function end_session(bytea) comment',
    'the comment of a function was changed'
);
select pg_temp.repairs(
    $$ comment on function web.end_session(bytea) is null $$,
    'changed function end_session(bytea) comment',
    'the comment of a function is gone'
);
select pg_temp.repairs(
    $$
        drop function web.prune_sessions(integer);
        create function web.prune_sessions(p_max_rows integer default 7) returns table (outcome text, deleted integer, rescheduled integer) language plpgsql as 'begin end';
    $$,
    $$changed function prune_sessions(integer) arguments: p_max_rows integer DEFAULT 7 -> p_max_rows integer DEFAULT 1000
changed function prune_sessions(integer) body
changed function prune_sessions(integer) comment
changed function prune_sessions(integer) owner: SUPERUSER -> nodepg_owner
changed function prune_sessions(integer) security definer: false -> true
changed function prune_sessions(integer) settings: null -> search_path=pg_catalog, pg_temp, debug_print_plan=off
created privilege EXECUTE on function prune_sessions(integer) to nodepg
removed privilege EXECUTE on function prune_sessions(integer) to PUBLIC$$,
    'a default of a parameter was changed'
);
select pg_temp.repairs(
    $$ create function web.get_session_data(sessid varchar) returns setof text language sql as 'select 1::text' $$,
    $$removed function get_session_data(character varying)
removed privilege EXECUTE on function get_session_data(character varying) to PUBLIC$$,
    'an overload was added'
);
select pg_temp.repairs(
    $$ create procedure web.load_session(integer) language sql as 'select 1' $$,
    $$removed function load_session(integer)
removed privilege EXECUTE on function load_session(integer) to PUBLIC$$,
    'an overload as a procedure was added'
);
select pg_temp.repairs(
    $$ create aggregate web.get_session_data(varchar) (sfunc = textcat, stype = text) $$,
    $$removed function get_session_data(character varying)
removed privilege EXECUTE on function get_session_data(character varying) to PUBLIC$$,
    'an aggregate of a function''s name was added'
);
select pg_temp.repairs(
    $$
        drop function web.count_sessions();
        create procedure web.count_sessions() language sql as 'select 1';
    $$,
    $$changed function count_sessions() body
changed function count_sessions() comment
changed function count_sessions() kind: p -> f
changed function count_sessions() language: sql -> plpgsql
changed function count_sessions() owner: SUPERUSER -> nodepg_owner
changed function count_sessions() result: null -> integer
changed function count_sessions() security definer: false -> true
changed function count_sessions() settings: null -> search_path=pg_catalog, pg_temp
changed function count_sessions() volatility: v -> s
created privilege EXECUTE on function count_sessions() to nodepg
removed privilege EXECUTE on function count_sessions() to PUBLIC$$,
    'a procedure took the place of a function'
);
select pg_temp.repairs(
    $$
        set local role nodepg_owner;
        create function web.planted() returns setof web.session language sql security definer as 'select * from web.session';
        reset role;
    $$,
    $$removed function planted()
removed privilege EXECUTE on function planted() to PUBLIC$$,
    'a function of the owner role was added'
);
select pg_temp.repairs(
    $$ alter function web.load_session(bytea, boolean) rename to load $$,
    $$created function load_session(bytea, boolean)
created privilege EXECUTE on function load_session(bytea, boolean) to nodepg
removed function load(bytea, boolean)
removed privilege EXECUTE on function load(bytea, boolean) to nodepg$$,
    'a function was renamed'
);

select * from finish();
rollback;
