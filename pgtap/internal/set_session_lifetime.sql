-- set_session_lifetime: a new idle timeout, absolute timeout or expiry, written like a slide.
begin;
\ir ../lib/store.sql
select plan(36);
set local role nodepg_owner;

-- ---- A new idle timeout ----

select pg_temp.make('a', '{"n":1}', 3600, 2592000) \g /dev/null
create temporary table before as select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s;
select is(web.set_session_lifetime(pg_temp.key('a'), 3600, null, null), (select expires_at from before), 'the same idle timeout: the expiry that is stored');
select results_eq(
    $$ select pg_temp.place('a') as place, s.* from pg_temp.stored('a') as s $$,
    $$ select * from before $$,
    'and nothing is written'
);
select pg_temp.pass('179 s') \g /dev/null
select pg_temp.place('a') as place \gset
select is(
    web.set_session_lifetime(pg_temp.key('a'), 3600, null, null),
    (select expires_at from pg_temp.stored('a')),
    'again before a slide is due: the expiry that is stored'
);
select is(pg_temp.place('a'), :'place', 'and nothing is written');
select pg_temp.pass('1 s') \g /dev/null
select is(
    web.set_session_lifetime(pg_temp.key('a'), 3600, null, null),
    statement_timestamp() + interval '3600 s',
    'when a slide is due it is a slide'
);
select is(
    web.set_session_lifetime(pg_temp.key('a'), 1728000, null, null),
    statement_timestamp() + interval '1728000 s',
    'a longer one is written at once'
);
select results_eq(
    $$ select idle_timeout_seconds, slide_interval_seconds, slide_at - last_used_at, version, data, prune_after < expires_at from pg_temp.stored('a') $$,
    $$ values (1728000, 600, interval '600 s', 1::bigint, '{"n":1}'::text, true) $$,
    'with its interval of slides; version and data stay, and pruning finds out that the session is live'
);
select is(
    web.set_session_lifetime(pg_temp.key('a'), 60, null, null),
    statement_timestamp() + interval '60 s',
    'and a shorter one'
);
select results_eq(
    $$ select slide_at - last_used_at, prune_after - last_used_at from pg_temp.stored('a') $$,
    $$ values (interval '30 s', interval '60 s') $$,
    'which pruning sees'
);
select pg_temp.place('a') as place \gset
select is(
    web.set_session_lifetime(pg_temp.key('a'), 59, null, null),
    (select expires_at from pg_temp.stored('a')),
    'a second less is a client that rounds'
);
select is(pg_temp.place('a'), :'place', 'and is not written');
select is(web.set_session_lifetime(pg_temp.key('a'), 58, null, null), statement_timestamp() + interval '58 s', 'two seconds less are');

-- ---- The absolute timeout ----

select pg_temp.make('b', '{}', 3600, 7200) \g /dev/null
select is(
    web.set_session_lifetime(pg_temp.key('b'), 7300, null, null),
    (select absolute_expires_at from pg_temp.stored('b')),
    'an idle timeout above the absolute timeout is limited by it'
);
select pg_temp.pass('7200 s') \g /dev/null
select is(web.set_session_lifetime(pg_temp.key('b'), 3600, null, null), null, 'an expired session stays so');
select pg_temp.make('c', '{}', 3600, 7200) \g /dev/null
select pg_temp.pass('3500 s') \g /dev/null
select web.set_session_lifetime(pg_temp.key('c'), 3600, null, null) \g /dev/null
select pg_temp.pass('3400 s') \g /dev/null
select is(
    web.set_session_lifetime(pg_temp.key('c'), 3600, null, null),
    (select absolute_expires_at from pg_temp.stored('c')),
    'the absolute timeout limits the expiry'
);
select is(
    web.set_session_lifetime(pg_temp.key('c'), 3600, 86400, null),
    statement_timestamp() + interval '3600 s',
    'until another one is passed'
);
select results_eq(
    $$ select absolute_expires_at - last_used_at from pg_temp.stored('c') $$,
    $$ values (interval '86400 s') $$,
    'which counts from now'
);
select is(
    web.set_session_lifetime(pg_temp.key('c'), null, 100, null),
    statement_timestamp() + interval '100 s',
    'it limits the expiry by itself too'
);

select pg_temp.make('e', '{}', 1800, 2592000) \g /dev/null
select is(
    web.set_session_lifetime(pg_temp.key('e'), null, 7200, null),
    statement_timestamp() + interval '1800 s',
    'an absolute timeout that does not move the expiry'
);
select is((select absolute_expires_at - last_used_at from pg_temp.stored('e')), interval '7200 s', 'is stored too');
select pg_temp.place('e') as place \gset
select web.set_session_lifetime(pg_temp.key('e'), null, 7200, null) \g /dev/null
select is(pg_temp.place('e'), :'place', 'once');

-- ---- A point in time ----

select pg_temp.make('d', '{}', 3600, 7200) \g /dev/null
select is(
    web.set_session_lifetime(pg_temp.key('d'), null, null, statement_timestamp() + interval '20 days 0.5 s'),
    statement_timestamp() + interval '20 days 0.5 s',
    'the session expires then, even after its absolute timeout'
);
select results_eq(
    $$ select absolute_expires_at - last_used_at, idle_timeout_seconds, slide_interval_seconds from pg_temp.stored('d') $$,
    $$ values (interval '20 days 0.5 s', 1728001, 600) $$,
    'whatever its use'
);
select expires_at as "until" from pg_temp.stored('d') \gset
select pg_temp.place('d') as place \gset
select is(web.set_session_lifetime(pg_temp.key('d'), null, null, :'until'), :'until'::timestamptz, 'the same again');
select is(pg_temp.place('d'), :'place', 'is not written');
select is(
    web.set_session_lifetime(pg_temp.key('d'), null, null, :'until'::timestamptz + interval '1 ms'),
    :'until'::timestamptz + interval '1 ms',
    'another one is exact'
);
select pg_temp.pass('601 s') \g /dev/null
select is(web.touch_session(pg_temp.key('d')), :'until'::timestamptz + interval '1 ms' - interval '601 s', 'no use moves it');
select is(
    web.set_session_lifetime(pg_temp.key('d'), null, null, statement_timestamp() - interval '1 day'),
    statement_timestamp() - interval '1 day',
    'one in the past'
);
select results_eq(
    $$ select (select count(*) from web.load_session(pg_temp.key('d'))), state, reason from web.session_info(pg_temp.key('d')) $$,
    $$ values (0::bigint, 'expired'::text, null::text) $$,
    'is an expired session'
);
select results_eq(
    $$ select slide_at <= expires_at, prune_after <= expires_at, absolute_expires_at = expires_at from pg_temp.stored('d') $$,
    $$ values (true, true, true) $$,
    'which no slide and no prune takes for live'
);
select is(web.set_session_lifetime(pg_temp.key('d'), 3600, null, null), null, 'and which no lifetime brings back');

set local synchronous_commit = off;
select pg_temp.make('relaxed', '{}') \g /dev/null
select web.set_session_lifetime(pg_temp.key('relaxed'), 60, null, null) \g /dev/null
select is(current_setting('synchronous_commit'), 'off', 'a new lifetime does not wait for the disk in a relaxed store');
select web.set_session_lifetime(pg_temp.key('relaxed'), null, null, statement_timestamp() - interval '1 s') \g /dev/null
select is(current_setting('synchronous_commit'), 'on', 'but one in the past does');

-- ---- No live session ----

select pg_temp.make('ended') \g /dev/null
select web.end_session(pg_temp.key('ended')) \g /dev/null
select is(web.set_session_lifetime(pg_temp.key('ended'), 3600, 3600, null), null, 'null for an ended session');
select is(web.set_session_lifetime(pg_temp.key('ended'), null, null, statement_timestamp() + interval '1 day'), null, 'at a point in time too');
select is(web.set_session_lifetime(pg_temp.key('unknown'), 3600, null, null), null, 'null for an unknown key');

select * from finish();
rollback;
