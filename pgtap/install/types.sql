-- The row types. Their columns: schema_snapshot.sql.
begin;
\ir ../lib/store.sql
select plan(8);

select is_empty(
    $$
        select t.typname
        from pg_type as t
        join pg_class as c on c.oid = t.typrelid
        where t.typnamespace = 'web'::regnamespace
            and c.relkind = 'c'
            and not (t.typowner = 'nodepg_owner'::regrole and obj_description(t.oid, 'pg_type') ~ '^[A-Z].*\. API: public$')
    $$,
    'every row type belongs to the owner role and has a comment that says that it is public'
);

-- ---- An object that depends on a row type would block the next release ----

set local role nodepg;
select throws_ok(statement, '42501', null, 'refused: ' || statement)
from unnest(array[
    'create temporary table mine (x web.loaded_session)',
    $$ create temporary table mine as select web.load_session(sha256('a')) as x $$,
    'create function pg_temp.mine(web.saved_session) returns integer language sql as $f$ select 1 $f$',
    'create domain pg_temp.mine as web.saved_session',
    'create temporary table mine (x web.loaded_sessions)',
    'create domain pg_temp.mine as web.saved_sessions'
]) as statement;
select lives_ok($$ create temporary table mine as select * from web.load_session(sha256('a')) $$, 'the columns of a row type can be selected');

select * from finish();
rollback;
