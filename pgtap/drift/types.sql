-- Drift of the row types.
begin;
\ir ../lib/store.sql
\ir ../lib/drift.sql
select plan(8);

select pg_temp.repairs(
    $$ drop type web.loaded_session cascade $$,
    $$created function load_session(bytea, boolean)
created function load_session_slow(bytea, boolean)
created function load_session_value(bytea, boolean)
created function lock_session(bytea, integer)
created privilege EXECUTE on function load_session(bytea, boolean) to nodepg
created privilege EXECUTE on function load_session_value(bytea, boolean) to nodepg
created privilege EXECUTE on function lock_session(bytea, integer) to nodepg
created type loaded_session$$,
    'a row type was dropped, and its functions with it'
);
select pg_temp.repairs(
    $$ alter type web.saved_session add attribute more text $$,
    $$changed type saved_session columns: outcome text, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone, more text -> outcome text, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone$$,
    'a row type has one column more'
);
select pg_temp.repairs(
    $$ alter type web.saved_session drop attribute version $$,
    $$changed type saved_session columns: outcome text, expires_at timestamp with time zone, server_time timestamp with time zone -> outcome text, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone$$,
    'a row type has one column less'
);
select pg_temp.repairs(
    $$ comment on type web.saved_session is null $$,
    'changed type saved_session comment',
    'the comment of a row type is gone'
);
select pg_temp.repairs(
    $$ grant usage on type web.loaded_session to public, nodepg $$,
    $$removed privilege USAGE on type loaded_session to PUBLIC
removed privilege USAGE on type loaded_session to nodepg$$,
    'a row type was granted to PUBLIC'
);
select is(
    pg_temp.repaired($$ alter type web.loaded_session drop attribute data; create table public.additional (x web.loaded_session) $$),
    '2BP01: cannot drop type web.loaded_session because other objects depend on it',
    'a row type that a column of another table has is not dropped'
);

-- ---- Refused, not repaired ----

select is(
    pg_temp.repaired(d.damage),
    '42809: web.loaded_session is not a row type',
    d.description
)
from (
    values
    ($$ drop type web.loaded_session cascade; create domain web.loaded_session as text $$, 'a domain in the place of a row type is refused'),
    ($$ drop type web.loaded_session cascade; create table web.loaded_session (x integer) $$, 'a table in the place of a row type is refused')
) as d (damage, description);

select * from finish();
rollback;
