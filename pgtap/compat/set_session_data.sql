-- set_session_data: connect-pg interface; create or replace.
begin;
\ir ../lib/store.sql
select plan(48);
set local role nodepg;

-- ---- Create ----

select results_eq(
    $$ select pg_typeof(web.set_session_data('a', '{"n":1}', statement_timestamp() + interval '3600 s'))::text $$,
    $$ values ('void'::text) $$,
    'it returns nothing'
);
select results_eq(
    $$
        select s.key, s.data, s.version, s.expires_at - s.created_at, s.slide_at - s.created_at, s.last_used_at - s.created_at,
            s.absolute_expires_at - s.created_at, s.prune_after - s.created_at, s.ended_at, s.idle_timeout_seconds, s.slide_interval_seconds,
            s.user_id, s.client_address, s.user_agent, s.label
        from pg_temp.stored('a') as s
    $$,
    $$
        values (
            sha256('a'), '{"n":1}'::text, 1::bigint, interval '3600 s', interval '180 s', interval '0 s',
            interval '2592000 s', interval '3600 s', null::timestamptz, 3600, 180,
            null::text, null::inet, null::text, null::text
        )
    $$,
    'the row: only the hash of the id, the expiry that was given, which is the idle timeout too, and the absolute timeout of the store'
);
select results_eq(
    $$ select data, version from web.load_session(pg_temp.key('a')) $$,
    $$ values ('{"n":1}'::text, 1::bigint) $$,
    'the native interface sees the same session'
);
select lives_ok($$ select web.set_session_data(expire => null, sessdata => '{}', sessid => 'named') $$, 'parameters have the names of the original');
select results_eq(
    $$ select expires_at - created_at, idle_timeout_seconds from pg_temp.stored('named') $$,
    $$ values (interval '86400 s', 86400) $$,
    'a null expiry is the default idle timeout from now, never "for ever"'
);
prepare untyped as select web.set_session_data($1, $2, $3);
execute untyped('untyped', '{"n":1}', '2100-01-01 00:00:00+00') \g /dev/null
select results_eq($$ select web.get_session_data('untyped') $$, $$ values ('{"n":1}'::text) $$, 'untyped parameters resolve');

-- ---- Replace ----

create temporary table created as select * from pg_temp.stored('a');
select web.set_session_data('a', '{"n":2}', statement_timestamp() + interval '7200 s') \g /dev/null
select results_eq(
    $$ select data, version, expires_at - last_used_at, slide_at - last_used_at, idle_timeout_seconds, slide_interval_seconds from pg_temp.stored('a') $$,
    $$ values ('{"n":2}'::text, 2::bigint, interval '7200 s', interval '360 s', 7200, 360) $$,
    'data and expiry are replaced, the version grows'
);
select results_eq(
    $$ select created_at, absolute_expires_at, prune_after, handle, ended_at from pg_temp.stored('a') $$,
    $$ select created_at, absolute_expires_at, prune_after, handle, ended_at from created $$,
    'when it was created, its absolute timeout, its handle and what is indexed stay'
);
select web.set_session_data('a', '{"n":3}', statement_timestamp() + interval '60 s') \g /dev/null
select results_eq(
    $$ select data, expires_at - last_used_at from pg_temp.stored('a') $$,
    $$ values ('{"n":3}'::text, interval '60 s') $$,
    'a set may shorten the life of a session: the caller chose'
);
select web.create_session(pg_temp.key('n'), '{}', 1200, 100000, 'alice', '192.0.2.1', 'curl', 'phone') \g /dev/null
select web.set_session_data('n', '{"n":2}', null) \g /dev/null
select results_eq(
    $$ select data, user_id, client_address, user_agent, label, expires_at - last_used_at from pg_temp.stored('n') $$,
    $$ values ('{"n":2}'::text, 'alice'::text, '192.0.2.1'::inet, 'curl'::text, 'phone'::text, interval '86400 s') $$,
    'a live session of the native interface keeps its user'
);
select results_eq(
    $$ select outcome, version from web.save_session(pg_temp.key('n'), '{"n":3}', 1) $$,
    $$ values ('conflict'::text, 2::bigint) $$,
    'which notices that its data was changed'
);
create temporary table counted as select pg_temp.access('updated') as updated, pg_temp.access('hot') as hot;
select web.set_session_data('n', '{"n":4}', null) \g /dev/null
select results_eq(
    $$ select pg_temp.access('updated') - updated, pg_temp.access('hot') - hot from counted $$,
    $$ values (1::bigint, 1::bigint) $$,
    'replacing is one update, and that heap-only'
);

-- ---- The expiry ----

create function pg_temp.set_past(expire timestamptz)
returns text
language plpgsql
as $$
declare
    v_id constant text := 'past ' || expire;
begin
    -- One call in sixteen prunes, perhaps the row that it has just inserted.
    loop
        perform web.set_session_data(v_id, '{}', expire);
        exit when exists (select from pg_temp.stored(v_id));
    end loop;
    return (
        select concat_ws(
            ', ',
            'stored',
            case when s.expires_at = expire then 'expired' end,
            case when s.ended_at is null then 'not ended' end,
            case when s.prune_after = statement_timestamp() then 'to be pruned' end,
            case when exists (select from web.get_session_data(v_id)) then 'alive' end
        )
        from pg_temp.stored(v_id) as s
    );
end;
$$;
select is(
    pg_temp.set_past(e.expire::timestamptz),
    'stored, expired, not ended, to be pruned',
    format('an expiry of %s leaves the session expired, and due for pruning at once', e.expire)
)
from (values ('-infinity'), ('4713-01-01 00:00:00+00 BC'), ('1969-12-31 23:59:59+00'), ('epoch'), ('2000-01-01')) as e (expire);
select web.set_session_data('live', '{"n":1}', null) \g /dev/null
select web.set_session_data('live', '{"n":2}', statement_timestamp()) \g /dev/null
select is_empty($$ select * from web.get_session_data('live') $$, 'an expiry of this very moment has passed');
select web.set_session_data('live', '{"n":3}', null) \g /dev/null
select results_eq($$ select web.get_session_data('live') $$, $$ values ('{"n":3}'::text) $$, 'an expired session can be set again: create or replace');
select web.set_session_data('soon', '{}', statement_timestamp() + interval '1 microsecond') \g /dev/null
select results_eq(
    $$ select expires_at - created_at, idle_timeout_seconds, slide_interval_seconds from pg_temp.stored('soon') $$,
    $$ values (interval '1 microsecond', 1, 0) $$,
    'a life of one microsecond'
);
select lives_ok(
    format('select web.set_session_data(%L, %L, %L)', 'far ' || e.expire, '{}', e.expire),
    format('an expiry of %s is no error', e.expire)
)
from (values ('infinity'), ('294276-12-31 23:59:59.999999+00'), ('9999-12-31'), ('2120-01-01')) as e (expire);
select results_eq(
    $$ select distinct s.expires_at - s.created_at, s.prune_after - s.created_at, s.absolute_expires_at = s.expires_at
        from (values ('infinity'), ('294276-12-31 23:59:59.999999+00'), ('9999-12-31'), ('2120-01-01')) as e (expire)
        cross join lateral pg_temp.stored('far ' || e.expire) as s $$,
    $$ values (interval '2592000 s', interval '2592000 s', true) $$,
    'and is cut at the absolute timeout of the store'
);
select is((select idle_timeout_seconds from pg_temp.stored('far infinity')), 34560000, 'the idle timeout is max_timeout_seconds');
select lives_ok($$ select web.set_session_data('far infinity', '{"again":1}', 'infinity') $$, 'again, on the live session');
select is((select expires_at - created_at from pg_temp.stored('far infinity')), interval '2592000 s', 'with the same end');
select pg_temp.as_owner('update web.settings set absolute_timeout_seconds = 1000') \g /dev/null
select web.set_session_data('limit', '{}', null) \g /dev/null
select pg_temp.pass('900 s') \g /dev/null
select web.set_session_data('limit', '{}', statement_timestamp() + interval '900 s') \g /dev/null
select results_eq(
    $$ select expires_at - created_at, slide_at <= expires_at from pg_temp.stored('limit') $$,
    $$ values (interval '1000 s', true) $$,
    'setting it again and again does not take a session beyond its absolute timeout'
);
select pg_temp.pass('101 s') \g /dev/null
select is_empty($$ select * from web.get_session_data('limit') $$, 'after its expiry');
select pg_temp.as_owner('update web.settings set absolute_timeout_seconds = default') \g /dev/null

-- A slide by the native interface keeps the lifetime that the caller of this one chose.
select web.set_session_data('slide', '{}', statement_timestamp() + interval '1200 s') \g /dev/null
select pg_temp.pass('61 s') \g /dev/null
select results_eq(
    $$ select expires_at from web.load_session(pg_temp.key('slide')) $$,
    $$ values (statement_timestamp() + interval '1200 s') $$,
    'a load slides it by the lifetime that was set'
);

-- ---- Expired, then set: a new session ----

select web.create_session(pg_temp.key('e'), '{"old":1}', 10, 10, 'alice', '192.0.2.1', 'curl', 'phone') \g /dev/null
select pg_temp.pass('10 s') \g /dev/null
create temporary table expired as select * from pg_temp.stored('e');
select web.set_session_data('e', '{"new":1}', statement_timestamp() + interval '1200 s') \g /dev/null
select results_eq(
    $$ select data, version, expires_at - created_at, last_used_at - created_at, slide_at - created_at, absolute_expires_at - created_at, idle_timeout_seconds, slide_interval_seconds,
            user_id, client_address, user_agent, label, ended_at from pg_temp.stored('e') $$,
    $$ values ('{"new":1}'::text, 1::bigint, interval '1200 s', interval '0 s', interval '60 s', interval '2592000 s', 1200, 60,
            null::text, null::inet, null::text, null::text, null::timestamptz) $$,
    'an expired session is replaced by a new one, which has no user'
);
select results_eq(
    $$ select n.handle <> o.handle, n.created_at > o.created_at, n.prune_after = n.expires_at from pg_temp.stored('e') as n, expired as o $$,
    $$ values (true, true, true) $$,
    'and a handle and times of its own'
);

-- ---- Ended ----

select web.destroy_session('e') \g /dev/null
create temporary table ended as select pg_temp.place('e') as place, s.* from pg_temp.stored('e') as s;
select web.set_session_data('e', '{"late":1}', e.expire) from (values (null), (now() + interval '1 day'), ('-infinity')) as e (expire) \g /dev/null
select results_eq(
    $$ select pg_temp.place('e') as place, s.* from pg_temp.stored('e') as s $$,
    $$ select * from ended $$,
    'no effect on a session that was destroyed, whatever the expiry'
);
select pg_temp.pass('3599 s') \g /dev/null
select prune.deleted from web.prune_sessions() as prune \g /dev/null
select web.set_session_data('e', '{"late":1}', null) \g /dev/null
select is_empty($$ select * from web.get_session_data('e') $$, 'for an hour, pruned or not');
select pg_temp.pass('2 s') \g /dev/null
select prune.deleted from web.prune_sessions() as prune \g /dev/null
select web.set_session_data('e', '{"n":1}', null) \g /dev/null
select isnt_empty($$ select * from web.get_session_data('e') $$, 'after which the id is free');

-- ---- Data and ids ----

select web.set_session_data(d.data, d.data, null)
from (values (''), ('not json'), (E'{"a":"\\u0000"}'), (U&'{"a":"\+01F600"}'), (E'\'";\\\n--'), (repeat('é', 4000))) as d (data) \g /dev/null
select is(
    (
        select count(*)
        from (values (''), ('not json'), (E'{"a":"\\u0000"}'), (U&'{"a":"\+01F600"}'), (E'\'";\\\n--'), (repeat('é', 4000))) as d (data)
        cross join lateral web.get_session_data(d.data) as g
        where g = d.data
    ),
    6::bigint,
    'data comes back as it went in, whatever it is, and whatever the id is'
);
select web.set_session_data('null', null, null) \g /dev/null
select results_eq($$ select web.get_session_data('null') $$, $$ values (null::text) $$, 'null data is stored, as by the original');
select is(
    (select key from pg_temp.stored('é')),
    null,
    'no such session yet'
);
select web.set_session_data('é', '{}', null) \g /dev/null
select is((select key from pg_temp.stored('é')), sha256('\xc3a9'), 'the key is the hash of the id as UTF-8');

-- ---- Bad arguments ----

create temporary table rows as select pg_temp.rows() as rows;
select throws_ok(
    $$ select web.set_session_data(null, '{}', null) $$,
    '22004',
    'the session id must not be null',
    'a null id is refused'
);
select throws_ok(
    $$ select web.set_session_data('big', repeat('x', 1048577), null) $$,
    '54000',
    'session data has 1048577 bytes; the limit of this store is 1048576',
    'data over the limit is refused, and the message shows none of it'
);
select is(pg_temp.rows(), (select rows from rows), 'a refused set leaves no row');
select web.set_session_data('a', '{"n":9}', null) \g /dev/null
select throws_ok($$ select web.set_session_data('a', repeat('é', 524289), null) $$, '54000', null, 'bytes count, not characters');
select results_eq($$ select web.get_session_data('a') $$, $$ values ('{"n":9}'::text) $$, 'and the stored session is untouched');
select lives_ok($$ select web.set_session_data('a', repeat('x', 1048576), null) $$, '1 MiB is stored');
select is((select octet_length(g) from web.get_session_data('a') as g), 1048576, 'all of it');

-- ---- The plan ----

set local enable_seqscan = off;
discard plans;
create temporary table scans as select pg_temp.access('seq') as seq, pg_temp.access('key') as key;
select pg_temp.repeat(12, $$ select web.set_session_data('a', random()::text, null) $$) \g /dev/null
select results_eq(
    $$ select pg_temp.access('seq') - seq, pg_temp.access('key') - key >= 12 from scans $$,
    $$ values (0::bigint, true) $$,
    'set looks the key up in the primary key, with custom plans and the generic one'
);

select * from finish();
rollback;
