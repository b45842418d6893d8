-- export_sessions: pages of live sessions, in the order of their keys.
begin;
\ir ../lib/store.sql
\ir ../lib/plans.sql
select plan(16);

set local role nodepg_owner;
select is_empty('select * from web.export_sessions()', 'an empty store');
select web.create_session(pg_temp.key('a'), '{"n":1}', 1200, 100000, 'alice', '192.0.2.1', 'curl', 'phone') \g /dev/null
select results_eq(
    $$ select * from web.export_sessions() $$,
    $$ select key, data, created_at, last_used_at, expires_at, absolute_expires_at, idle_timeout_seconds, user_id, client_address, user_agent, label from pg_temp.stored('a') $$,
    'a live session, with all that another store needs of it'
);
select web.set_session_data('null', null, null) \g /dev/null
select is((select count(*) from web.export_sessions() where data is null), 1::bigint, 'data that is null stays so');
select web.destroy_session('null') \g /dev/null
select web.end_session(pg_temp.key('ended')) \g /dev/null
select pg_temp.make('past', '{}', 1) \g /dev/null
select pg_temp.pass('1 s') \g /dev/null
select pg_temp.make('rotated') \g /dev/null
select web.rotate_session(pg_temp.key('rotated'), pg_temp.key('b'), 60) \g /dev/null
select is((select array_agg(key order by key) from web.export_sessions()), (select array_agg(k order by k) from unnest(array[pg_temp.key('a'), pg_temp.key('b')]) as k), 'neither ended, nor expired, nor the old key of a rotated one');

-- ---- Pages ----

select web.clear_sessions() \g /dev/null
select pg_temp.make('page ' || i, i::text) from generate_series(1, 25) as i \g /dev/null
create function pg_temp.pages(size integer)
returns text
language plpgsql
as $$
declare
    v_last bytea;
    v_keys bytea[];
    v_all bytea[] := '{}';
    v_sizes text := '';
begin
    loop
        select array_agg(e.key order by e.i) into v_keys from (select x.key, row_number() over () as i from web.export_sessions(v_last, size) as x) as e;
        exit when v_keys is null;
        v_all := v_all || v_keys;
        v_sizes := concat_ws(' ', nullif(v_sizes, ''), cardinality(v_keys));
        v_last := v_keys[cardinality(v_keys)];
        -- What comes and goes meanwhile does not matter to what is there all the time.
        perform pg_temp.make('between ' || encode(v_last, 'hex'));
        perform web.end_session(pg_temp.key('between ' || encode(v_last, 'hex')));
    end loop;
    return format('%s; in order: %s; each once: %s', v_sizes,
        v_all = (select array_agg(k order by k) from unnest(v_all) as k),
        (select count(distinct k) from unnest(v_all) as k));
end;
$$;
select is(pg_temp.pages(10), '10 10 5; in order: t; each once: 25', 'pages of ten');
select is(pg_temp.pages(25), '25; in order: t; each once: 25', 'one page of all');
select is(pg_temp.pages(1), '1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1; in order: t; each once: 25', 'one at a time');
select is((select count(*) from web.export_sessions(p_max_rows => 2147483647)), 25::bigint, 'the largest page; by parameter name');
select is((select count(*) from web.export_sessions(p_after_key => ''::bytea)), 25::bigint, 'an empty key comes before all');
select is_empty($$ select * from web.export_sessions(decode(repeat('ff', 32), 'hex')) $$, 'behind the last there is none');
select throws_ok(
    format('select web.export_sessions(null, %s)', n),
    '22023',
    'a page has at least one row',
    format('a page of %s is refused', n)
)
from unnest(array['0', '-1', 'null']) as n;

-- ---- The plan, and who may call it ----

reset role;
select pg_temp.fill(5000) \g /dev/null
select is(pg_temp.scans('web.export_sessions', 2), 'session_pkey', 'a page is read from the primary key');
select is(pg_temp.rows_read($$ select * from web.export_sessions(sha256('x'), 100) $$), 100::bigint, 'and no row beside');
set local role nodepg;
select throws_ok('select * from web.export_sessions()', '42501', null, 'the runtime role may not call it');

select * from finish();
rollback;
