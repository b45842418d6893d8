-- The row types: the whole set, and that nobody can build upon them.
begin;
\ir ../lib/store.sql
select plan(6);

select pg_temp.same_rows(
    $$
        select
            t.typname::text,
            pg_get_userbyid(t.typowner)::text,
            (
                select string_agg(format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
                from pg_attribute as a
                where a.attrelid = t.typrelid
                    and a.attnum > 0
                    and not a.attisdropped
            ),
            obj_description(t.oid, 'pg_type')
        from pg_type as t
        join pg_class as c on c.oid = t.typrelid
        where t.typnamespace = 'web'::regnamespace
            and c.relkind = 'c'
        order by 1
    $$,
    $$
        values
        ('loaded_session'::text, 'nodepg_owner'::text, 'data text, version bigint, expires_at timestamp with time zone, user_id text, server_time timestamp with time zone'::text, 'What load_session returns. API: public'::text),
        ('saved_session', 'nodepg_owner', 'outcome text, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone', 'What save_session returns. API: public')
    $$,
    'the row types, their owner, their columns and comments'
);

-- ---- A column of it would stand in the way of the next release ----

set local role nodepg;
select throws_ok(statement, '42501', null, 'refused: ' || statement)
from unnest(array[
    'create temporary table mine (x web.loaded_session)',
    $$ create temporary table mine as select web.load_session(sha256('a')) as x $$,
    'create function pg_temp.mine(web.saved_session) returns integer language sql as $f$ select 1 $f$',
    'create domain pg_temp.mine as web.saved_session'
]) as statement;
select lives_ok($$ create temporary table mine as select * from web.load_session(sha256('a')) $$, 'its columns are anybody''s');

select * from finish();
rollback;
