-- raise_missing_settings: without the one row of settings, what needs it is an error, never an endless loop.
begin;
\ir ../lib/store.sql
select plan(29);

select pg_temp.make('live', '{"n":1}') \g /dev/null
select web.set_session_data('past', '{}', '-infinity') \g /dev/null
select web.create_session(sha256(k::bytea), '{}', p_user_id => 'alice') from unnest(array['alice 1', 'alice 2']) as k \g /dev/null
delete from web.settings;
-- An endless loop would be 57014.
set local statement_timeout = '5s';

set local role nodepg;
select is(pg_temp.sqlstate_of(c.call), '55000', format('refused: %s', c.call))
from (
    values
    ($$ select web.create_session(sha256('new'), '{}') $$),
    ($$ select web.create_session(sha256('new'), '{}', 60, 60) $$),
    ($$ select web.set_session_data('new', '{}', null) $$),
    ($$ select web.set_session_data('live', '{}', null) $$),
    ($$ select web.set_session_data('past', '{}', now() + interval '1 day') $$),
    ($$ select web.end_session(sha256('unknown')) $$),
    ($$ select web.destroy_session('past') $$),
    ($$ select web.create_session(sha256('new'), '{}', p_user_id => 'alice', p_max_sessions => 1) $$),
    ($$ select web.rotate_session(sha256('live'), sha256('new')) $$),
    ($$ select web.login_session(sha256('live'), sha256('new'), 'alice') $$),
    ($$ select web.login_session(sha256('live'), sha256('new'), 'alice', p_max_sessions => 1) $$),
    ($$ select web.logout_session(sha256('live'), sha256('new')) $$)
) as c (call);
select is((select count(*) from web.user_sessions('alice')), 2::bigint, 'no session was evicted');
select throws_ok(
    $$ select web.set_session_data('new', '{"secret":1}', null) $$,
    '55000',
    'the settings of the session store are missing',
    'the message shows nothing of the session'
);
select is(pg_temp.sqlstate_of(c.call), '00000', format('works without settings: %s', c.call))
from (
    values
    ($$ select web.load_session(sha256('live')) $$),
    ($$ select web.save_session(sha256('live'), '{"n":2}') $$),
    ($$ select web.touch_session(sha256('live')) $$),
    ($$ select web.get_session_data('live') $$),
    ($$ select web.count_sessions() $$),
    ($$ select web.session_info(sha256('live')) $$),
    ($$ select web.lock_session(sha256('live')) $$),
    ($$ select web.user_sessions('alice') $$),
    ($$ select web.end_user_session('alice', gen_random_uuid()) $$),
    ($$ select web.end_user_sessions('alice') $$),
    ($$ select web.notify_channel() $$),
    ($$ select web.clear_sessions() $$)
) as c (call);

reset role;
select results_eq(
    'select action, kind, object from correct_web()',
    $$ values ('created'::text, 'row'::text, 'settings'::text) $$,
    'correct_web() puts the row back'
);
select is(pg_temp.make('new'), 'created', 'and all is well again');

-- The state of pruning likewise.
delete from web.prune_state;
select results_eq(
    'select action, kind, object from correct_web()',
    $$ values ('created'::text, 'row'::text, 'prune_state'::text) $$,
    'the row of prune_state is put back as well'
);

select * from finish();
rollback;
