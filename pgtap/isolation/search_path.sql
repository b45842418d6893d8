-- The functions that every request calls pin no search_path, and use nothing that the caller's path finds before pg_catalog.
-- (install/privileges.sql tests all functions with tables and types in pg_temp.)
begin;
\ir ../lib/store.sql
select plan(25);

-- A schema of another role that the runtime role may use: functions and operators named like PostgreSQL's.
create schema trap;
grant usage on schema trap to nodepg;
create function trap.sprung() returns void language plpgsql as $$ begin raise exception using errcode = 'TRAP0', message = current_user; end $$;
create function trap.statement_timestamp() returns timestamptz language sql as $$ select trap.sprung(); select '-infinity'::timestamptz $$;
create function trap.current_setting(text) returns text language sql as $$ select trap.sprung(); select 'read committed'::text $$;
create function trap.octet_length(text) returns integer language sql as $$ select trap.sprung(); select 0 $$;
create function trap.octet_length(bytea) returns integer language sql as $$ select trap.sprung(); select 32 $$;
create function trap.unnest(bytea[]) returns setof bytea language sql as $$ select trap.sprung(); select null::bytea $$;
create function trap.unnest(text[]) returns setof text language sql as $$ select trap.sprung(); select 'trapped'::text $$;
create function trap.unnest(bigint[]) returns setof bigint language sql as $$ select trap.sprung(); select null::bigint $$;
create function trap.cardinality(anyarray) returns integer language sql as $$ select trap.sprung(); select 1 $$;
create domain trap.bytea as pg_catalog.bytea check (trap.sprung() is null);
create function trap.sprung(tid, tid) returns boolean language sql as $$ select trap.sprung(); select true $$;
create function trap.sprung(bytea, bytea) returns boolean language sql as $$ select trap.sprung(); select true $$;
create function trap.sprung(text, text) returns boolean language sql as $$ select trap.sprung(); select true $$;
create function trap.sprung(timestamptz, timestamptz) returns boolean language sql as $$ select trap.sprung(); select true $$;
create function trap.sprung(bigint, bigint) returns boolean language sql as $$ select trap.sprung(); select true $$;
create function trap.sprung(integer, integer) returns boolean language sql as $$ select trap.sprung(); select true $$;
create function trap.sum(bigint, integer) returns bigint language sql as $$ select trap.sprung(); select 666::bigint $$;
create operator trap.= (leftarg = bytea, rightarg = bytea, function = trap.sprung);
create operator trap.= (leftarg = text, rightarg = text, function = trap.sprung);
create operator trap.<> (leftarg = text, rightarg = text, function = trap.sprung);
create operator trap.= (leftarg = bigint, rightarg = bigint, function = trap.sprung);
create operator trap.> (leftarg = timestamptz, rightarg = timestamptz, function = trap.sprung);
create operator trap.<= (leftarg = integer, rightarg = integer, function = trap.sprung);
create operator trap.> (leftarg = integer, rightarg = integer, function = trap.sprung);
create operator trap.= (leftarg = tid, rightarg = tid, function = trap.sprung);
create operator trap.= (leftarg = integer, rightarg = integer, function = trap.sprung);
create operator trap.+ (leftarg = bigint, rightarg = integer, function = trap.sum);

select pg_temp.make('a', '{"n":1}', 1200, 100000) \g /dev/null
set local role nodepg;

-- pgTAP itself would use them, so each result is taken as text first and compared with the usual path.
create function pg_temp.with_traps(statement text)
returns text
language plpgsql
as $$
declare
    v_answer text;
begin
    perform pg_catalog.set_config('search_path', 'trap, pg_catalog', true);
    execute statement into v_answer;
    perform pg_catalog.set_config('search_path', 'public', true);
    return v_answer;
exception
    when sqlstate 'TRAP0' then
        return 'called as ' || sqlerrm;
end;
$$;

select is(
    pg_temp.with_traps(t.statement),
    'called as nodepg',
    'without a schema, the caller''s objects are used: ' || t.statement
)
from (
    values
    ('select statement_timestamp()'),
    ($$ select current_setting('search_path') $$),
    ($$ select octet_length('a'::text) $$),
    ($$ select 'a'::bytea = 'b' $$),
    ($$ select 'a'::text = 'b' $$),
    ($$ select 'a'::text <> 'b' $$),
    ($$ select pg_catalog.now() > pg_catalog.now() $$),
    ('select 1 <= 2'),
    ('select 1::bigint + 1'),
    ($$ select unnest('{a}'::text[]) $$),
    ($$ select cardinality('{a}'::text[]) $$),
    ($$ select '{a}'::bytea[] $$),
    ($$ select '(0,1)'::tid = '(0,1)' $$),
    ('select 1 = 1')
) as t (statement);

select is(
    pg_temp.with_traps(format($$ select pg_catalog.concat_ws(' ', l.data, l.version) from web.load_session(%L) as l $$, pg_temp.key('a'))),
    '{"n":1} 1',
    'load_session uses nothing of the caller'
);
select is(
    pg_temp.with_traps(format($$ select pg_catalog.concat_ws(' ', l.data, l.version) from web.load_session_value(%L) as l $$, pg_temp.key('a'))),
    '{"n":1} 1',
    'load_session_value uses nothing of the caller'
);
select is(
    pg_temp.with_traps(format($$ select pg_catalog.concat_ws(' ', s.outcome, s.version) from web.save_session(%L, '{"n":2}', 1) as s $$, pg_temp.key('a'))),
    'saved 2',
    'save_session uses nothing of the caller'
);
select is(
    pg_temp.with_traps(format($$ select pg_catalog.concat_ws(' ', s.outcome, s.version) from web.save_session(%L, '{"n":2}', 1) as s $$, pg_temp.key('a'))),
    'same 2',
    'save_session_slow uses nothing of the caller'
);
select is(
    pg_temp.with_traps(format($$ select s.outcome from web.save_session(%L, '{"n":2}') as s $$, pg_temp.key('unknown'))),
    'gone',
    'save_session with an unknown key uses nothing of the caller'
);
select is(
    pg_temp.with_traps(format($$ select pg_catalog.concat_ws(' ', l.data, l.version) from web.load_sessions(array[%L]::pg_catalog.bytea[]) as l $$, pg_temp.key('a'))),
    '{"n":2} 2',
    'load_sessions uses nothing of the caller'
);
select is(
    pg_temp.with_traps(format($$ select pg_catalog.count(*)::pg_catalog.text from web.load_sessions(array[%L]::pg_catalog.bytea[]) $$, pg_temp.key('unknown'))),
    '0',
    'load_sessions with an unknown key uses nothing of the caller'
);
select is(
    pg_temp.with_traps(format($$ select pg_catalog.concat_ws(' ', s.ordinality, s.version) from web.save_sessions(array[%L]::pg_catalog.bytea[], array['{"n":3}'], array[2]) as s $$, pg_temp.key('a'))),
    '1 3',
    'save_sessions uses nothing of the caller'
);
select is(
    pg_temp.with_traps(format($$ select pg_catalog.count(*)::pg_catalog.text from web.save_sessions(array[%L]::pg_catalog.bytea[], array['{"n":4}'], array[2]) $$, pg_temp.key('a'))),
    '0',
    'save_sessions with another version uses nothing of the caller'
);
select pg_temp.pass('61 s') \g /dev/null
select is(
    pg_temp.with_traps(format($$ select pg_catalog.concat_ws(' ', l.data, l.version) from web.load_session(%L) as l $$, pg_temp.key('a'))),
    '{"n":3} 3',
    'load_session with a due slide uses nothing of the caller'
);
select ok((select slide_at > statement_timestamp() from pg_temp.stored('a')), 'load_session with a due slide writes it');

select * from finish();
rollback;
