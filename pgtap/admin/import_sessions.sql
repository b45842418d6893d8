-- import_sessions: sessions from elsewhere; one that is here already is left as it is.
begin;
\ir ../lib/store.sql
select plan(53);
set local role nodepg_owner;

-- An import of one, with what matters to a test.
create function pg_temp.one(key bytea, data text default '{}', expires_at timestamptz default null, absolute_expires_at timestamptz default null, idle integer default null, user_id text default null)
returns text
language sql
as $$
    select i.outcome from web.import_sessions(
        array[key], array[data], array[null::timestamptz], array[null::timestamptz], array[expires_at], array[absolute_expires_at], array[idle], array[user_id],
        array[null::inet], array[null::text], array[null::text]
    ) as i;
$$;

-- ---- What it stores ----

select results_eq(
    $$
        select i.*
        from web.import_sessions(
            array[pg_temp.key('a')], array['{"n":1}'], array[statement_timestamp() - interval '1 day'], array[statement_timestamp() - interval '1 hour'],
            array[statement_timestamp() + interval '2 hours'], array[statement_timestamp() + interval '3 days'], array[7200], array['alice'],
            array['192.0.2.1'::inet], array[repeat('ü', 600)], array[repeat('ü', 600)]
        ) as i
    $$,
    $$ values (1, 'imported'::text) $$,
    'ordinality counts from 1, outcome is imported'
);
select results_eq(
    $$
        select version, last_used_at - created_at, expires_at - last_used_at, absolute_expires_at - created_at, prune_after = expires_at, slide_at - last_used_at, idle_timeout_seconds, slide_interval_seconds,
            user_id, client_address, user_agent, label, data, ended_at, ended_reason, successor, grace_until
        from pg_temp.stored('a')
    $$,
    $$
        values (
            1::bigint, interval '23 hours', interval '3 hours', interval '4 days', true, interval '1 hour 360 s', 7200, 360,
            'alice'::text, '192.0.2.1'::inet, repeat('ü', 512), repeat('ü', 256), '{"n":1}'::text, null::timestamptz, null::text, null::bytea, null::timestamptz
        )
    $$,
    'all that was given, long texts cut; the next slide is due as after a use'
);
select is((select data from web.load_session(pg_temp.key('a'))), '{"n":1}', 'it is live');
select is((select count(*) from web.user_sessions('alice')), 1::bigint, 'and one of the devices of its user');

-- ---- What is null ----

select is(pg_temp.one(pg_temp.key('bare')), 'imported', 'nothing but a key and data');
select results_eq(
    $$ select expires_at - created_at, absolute_expires_at - created_at, last_used_at = created_at, idle_timeout_seconds, slide_interval_seconds, user_id from pg_temp.stored('bare') $$,
    $$ values (interval '86400 s', interval '2592000 s', true, 86400, 600, null::text) $$,
    'the defaults of the store, counted from now'
);
select is(pg_temp.one(pg_temp.key('idle'), idle => 60), 'imported', 'an idle timeout without an expiry');
select results_eq($$ select expires_at - created_at, idle_timeout_seconds from pg_temp.stored('idle') $$, $$ values (interval '60 s', 60) $$, 'is the expiry');
select is(pg_temp.one(pg_temp.key('expiry'), expires_at => statement_timestamp() + interval '1000 s'), 'imported', 'an expiry without an idle timeout');
select results_eq($$ select expires_at - created_at, idle_timeout_seconds from pg_temp.stored('expiry') $$, $$ values (interval '1000 s', 1000) $$, 'is the idle timeout as well');

-- ---- Limits ----

select is(pg_temp.one(pg_temp.key('long'), expires_at => 'infinity', absolute_expires_at => 'infinity'), 'imported', 'infinite times');
select results_eq($$ select expires_at - created_at, absolute_expires_at - created_at from pg_temp.stored('long') $$, $$ values (interval '2592000 s', interval '2592000 s') $$, 'end with the absolute timeout of the store');
select is(pg_temp.one(pg_temp.key('short'), expires_at => statement_timestamp() + interval '9 days', absolute_expires_at => statement_timestamp() + interval '1 day'), 'imported', 'an expiry beyond the absolute timeout');
select results_eq($$ select expires_at = absolute_expires_at, expires_at - created_at from pg_temp.stored('short') $$, $$ values (true, interval '1 day') $$, 'is that');
select is(pg_temp.one(pg_temp.key('largest'), idle => 2147483647), 'imported', 'the largest idle timeout');
select results_eq($$ select idle_timeout_seconds, slide_interval_seconds, expires_at = absolute_expires_at from pg_temp.stored('largest') $$, $$ values (2147483647, 600, true) $$, 'is kept, and limited as every other');
select is(
    (select i.outcome from web.import_sessions(array[pg_temp.key(k)], array['{}'], array[t], array[t], null, null, null, null, null, null, null) as i),
    'imported',
    format('created and last used at %s', t)
)
from (values ('future', 'infinity'::timestamptz), ('ever', '-infinity')) as v (k, t);
select results_eq(
    $$ select created_at <= statement_timestamp(), last_used_at <= statement_timestamp(), isfinite(created_at), isfinite(last_used_at) from unnest(array['future', 'ever']) as k cross join lateral pg_temp.stored(k) $$,
    $$ values (true, true, true, true), (true, true, true, true) $$,
    'becomes a time that a client can read, and none in the future'
);

-- ---- What is left out, and why ----

select is(pg_temp.one(k), 'bad key', format('bad key: %s bytes', coalesce(octet_length(k)::text, 'null')))
from unnest(array[null, ''::bytea, decode(repeat('ab', 31), 'hex'), decode(repeat('ab', 33), 'hex')]) as k;
select is(pg_temp.one(pg_temp.key('no'), null), 'no data', 'no data');
select is(pg_temp.one(pg_temp.key('most'), repeat('x', 1048576)), 'imported', 'as much data as is allowed');
select is(pg_temp.one(pg_temp.key('no'), repeat('x', 1048577)), 'data too large', 'data too large: a byte more');
select is(pg_temp.one(pg_temp.key('no'), user_id => u), 'bad user id', format('bad user id: %s bytes', octet_length(u))) from unnest(array['', repeat('x', 1025), repeat('é', 513)]) as u;
select is(pg_temp.one(pg_temp.key('no'), idle => i), 'bad timeout', format('bad timeout: %s', i)) from unnest(array[0, -1, -2147483648]) as i;
select is(pg_temp.one(pg_temp.key('no'), expires_at => e, absolute_expires_at => a), 'expired', format('expired: %s', w))
from (
    values
    (statement_timestamp(), null::timestamptz, 'its expiry is now'), ('-infinity', null, 'before all times'), (null, '-infinity', 'the absolute timeout before all times'),
    (statement_timestamp() + interval '1 day', statement_timestamp() - interval '1 s', 'the absolute timeout is over')
) as v (e, a, w);
select is((select count(*) from pg_temp.stored('no')), 0::bigint, 'none of them leaves a row');

-- ---- What is here already ----

select web.end_session(pg_temp.key('ended')) \g /dev/null
select pg_temp.make('rotated') \g /dev/null
select web.rotate_session(pg_temp.key('rotated'), pg_temp.key('to this')) \g /dev/null
select pg_temp.make('past', '{"mine":1}', 1) \g /dev/null
select pg_temp.pass('1 s') \g /dev/null
create temporary table untouched as select pg_temp.place(k) as place, s.* from unnest(array['a', 'ended', 'rotated', 'to this', 'past']) as k cross join lateral pg_temp.stored(k) as s;
select is(pg_temp.one(pg_temp.key(k), '{"other":1}'), 'exists', format('exists: %s', w))
from (values ('a', 'a live session'), ('ended', 'one that was ended since: an import undoes no logout'), ('rotated', 'the old key of a rotated one'), ('to this', 'its new key'), ('past', 'an expired one')) as v (k, w);
select results_eq(
    $$ select pg_temp.place(k) as place, s.* from unnest(array['a', 'ended', 'rotated', 'to this', 'past']) as k cross join lateral pg_temp.stored(k) as s $$,
    'select * from untouched',
    'and each of them is left as it was'
);

-- ---- Many at once ----

select results_eq(
    $$
        select * from web.import_sessions(
            array[pg_temp.key('m1'), 'x', pg_temp.key('m2'), pg_temp.key('m1'), pg_temp.key('m3'), pg_temp.key('m3'), pg_temp.key('a'), null],
            array['{"n":1}', '{}', null, '{"n":4}', '{"n":5}', '{"n":6}', '{}', '{}'],
            null, null, array[null, null, null, null, '-infinity', null, null, null]::timestamptz[], null, null, null, null, null, null
        )
    $$,
    $$ values (1, 'imported'::text), (2, 'bad key'), (3, 'no data'), (4, 'exists'), (5, 'expired'), (6, 'imported'), (7, 'exists'), (8, 'bad key') $$,
    'one row for each, in order; none stops the others. Of a key that comes twice the first that can be imported is'
);
select results_eq(
    $$ select k, s.data from unnest(array['m1', 'm2', 'm3']) as k left join lateral pg_temp.stored(k) as s on true order by k $$,
    $$ values ('m1'::text, '{"n":1}'::text), ('m2', null), ('m3', '{"n":6}') $$,
    '(those)'
);
select is_empty(s, format('no rows: %s', s))
from unnest(array[
    'select * from web.import_sessions(null, null, null, null, null, null, null, null, null, null, null)',
    $$ select * from web.import_sessions('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}') $$
]) as s;
select results_eq(
    $$ select * from web.import_sessions(array[pg_temp.key('n1')], array['{}', '{}'], null, null, null, null, null, null, null, null, null) $$,
    $$ values (1, 'imported'::text), (2, 'bad key') $$,
    'arrays of unequal length: what is missing is null'
);

-- ---- There and back ----

select web.end_session(pg_temp.key('ever')) \g /dev/null
select web.create_session(pg_temp.key('back'), '{"n":7}', 1200, 100000, 'bob', '2001:db8::/32', 'curl', 'phone') \g /dev/null
create temporary table exported as select e.*, row_number() over (order by e.key) as i from web.export_sessions() as e;
create temporary table stored as select s.* from web.session as s;
delete from web.session;
select is(
    (
        select count(*)
        from (
            select
                array_agg(key order by i) as keys, array_agg(data order by i) as data, array_agg(created_at order by i) as created, array_agg(last_used_at order by i) as used,
                array_agg(expires_at order by i) as expires, array_agg(absolute_expires_at order by i) as absolute, array_agg(idle_timeout_seconds order by i) as idle, array_agg(user_id order by i) as users,
                array_agg(client_address order by i) as addresses, array_agg(user_agent order by i) as agents, array_agg(label order by i) as labels
            from exported
        ) as x
        cross join lateral web.import_sessions(x.keys, x.data, x.created, x.used, x.expires, x.absolute, x.idle, x.users, x.addresses, x.agents, x.labels) as r
        where r.outcome = 'imported'
    ),
    (select count(*) from exported),
    'what was exported is imported, all of it'
);
select results_eq(
    'select key, data, created_at, last_used_at, expires_at, absolute_expires_at, idle_timeout_seconds, user_id, client_address, user_agent, label from web.export_sessions()',
    'select key, data, created_at, last_used_at, expires_at, absolute_expires_at, idle_timeout_seconds, user_id, client_address, user_agent, label from exported order by key',
    'and exported again it is the same'
);
select results_ne('select key, handle from web.session order by key', 'select key, handle from stored order by key', 'but for the handles, which are new');

-- ---- Without settings, and who may call it ----

delete from web.settings;
select throws_ok($$ select pg_temp.one(pg_temp.key('x')) $$, '55000', null, 'without settings nothing is imported');
set local role nodepg;
select throws_ok(
    $$ select web.import_sessions(array[sha256('planted')], array['{}'], null, null, null, null, null, null, null, null, null) $$,
    '42501',
    null,
    'the runtime role may not call it: it would plant sessions'
);

select * from finish();
rollback;
