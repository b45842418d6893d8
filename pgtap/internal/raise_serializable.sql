-- raise_serializable: no function reads the index of sessions in a serializable transaction.
begin isolation level serializable;
\ir ../lib/store.sql
select plan(24);

set local role nodepg;
select is(pg_temp.sqlstate_of(c.call), '25000', format('refused: %s', c.call))
from (
    values
    ($$ select web.create_session(sha256('new'), '{}') $$),
    ($$ select web.create_session(sha256('new'), '{}', p_user_id => 'alice') $$),
    ($$ select web.load_session(sha256('new')) $$),
    ($$ select web.load_session(sha256('new'), false) $$),
    ($$ select web.load_session_value(sha256('new')) $$),
    ($$ select web.save_session(sha256('new'), '{}') $$),
    ($$ select web.load_sessions(array[sha256('new')]) $$),
    ($$ select web.load_sessions(array[sha256('new')], false) $$),
    ($$ select web.load_sessions('{}') $$),
    ($$ select web.save_sessions(array[sha256('new')], array['{}']) $$),
    ($$ select web.save_sessions(array[sha256('new')], array['{}', '{}']) $$),
    ($$ select web.touch_session(sha256('new')) $$),
    ($$ select web.end_session(sha256('new')) $$),
    ($$ select web.rotate_session(sha256('new'), sha256('newer')) $$),
    ($$ select web.login_session(sha256('new'), sha256('newer'), 'alice') $$),
    ($$ select web.logout_session(sha256('new'), sha256('newer')) $$),
    ($$ select web.lock_session(sha256('new')) $$),
    ($$ select web.session_info(sha256('new')) $$),
    ($$ select web.user_sessions('alice') $$),
    ($$ select web.end_user_session('alice', gen_random_uuid()) $$),
    ($$ select web.end_user_sessions('alice') $$),
    ($$ select web.set_session_data('new', '{}', null) $$),
    ($$ select web.get_session_data('new') $$),
    ($$ select web.destroy_session('new') $$)
) as c (call);

select * from finish();
rollback;
