-- lock_sessions: functions that end all sessions wait for open transactions in short attempts, and stop no create meanwhile.
begin;
\ir ../lib/dblink.sql
\if :has_dblink
select plan(12);

-- Another session leaves a transaction open.
select pg_temp.make_due('open') \g /dev/null
select pg_temp.other_does('begin') \g /dev/null
select pg_temp.other(format('select outcome from web.create_session(%L, %L)', pg_temp.key('idle'), '{}')) \g /dev/null
set local lock_timeout = '300ms';

create function pg_temp.hint_of(statement text)
returns text
language plpgsql
as $$
declare
    v_hint text;
begin
    execute statement;
    return 'no error';
exception
    when lock_not_available then
        get stacked diagnostics v_hint = pg_exception_hint;
        return v_hint;
end;
$$;

select throws_ok(s.statement, '55P03', null, format('does not wait without a bound: %s', s.statement))
from (values ($$ select web.clear_sessions() $$), ($$ select web.end_all_sessions() $$)) as s (statement);
select is(
    pg_temp.hint_of(s.statement),
    (
        select format('Process %s (role %s) is in the way. pg_terminate_backend(%s) ends it', a.pid, a.usename, a.pid)
        from pg_stat_activity as a
        where a.pid = pg_temp.other('select pg_backend_pid()::text')::integer
    ),
    format('names the process in the way, and not its query: %s', s.statement)
)
from (values ($$ select web.clear_sessions() $$), ($$ select web.end_all_sessions() $$)) as s (statement);
select is(current_setting('lock_timeout'), '300ms', 'the caller''s lock_timeout stays after an error');
select is(
    (select count(*) from pg_locks as l where l.relation = 'web.session'::regclass and l.pid = pg_backend_pid() and l.mode = 'ExclusiveLock'),
    0::bigint,
    'a failed call leaves no lock, so creates of others go on'
);

select pg_temp.other_does('rollback') \g /dev/null

-- A lock on one session is in the way too. Otherwise the update of its row would wait under the table lock, and every create with it;
-- a save by its holder would then be a deadlock.
select pg_temp.other_does('begin') \g /dev/null
select pg_temp.other(format('select version::text from web.lock_session(%L)', pg_temp.key('open'))) \g /dev/null
select is(
    pg_temp.hint_of(s.statement),
    (
        select format('Process %s (role %s) is in the way. pg_terminate_backend(%s) ends it', a.pid, a.usename, a.pid)
        from pg_stat_activity as a
        where a.pid = pg_temp.other('select pg_backend_pid()::text')::integer
    ),
    format('names the process that has locked a session: %s', s.statement)
)
from (values ($$ select web.clear_sessions() $$), ($$ select web.end_all_sessions() $$)) as s (statement);
select is(
    (select count(*) from pg_locks as l where l.relation = 'web.session'::regclass and l.pid = pg_backend_pid() and l.granted and l.mode = 'ExclusiveLock'),
    0::bigint,
    'a lock on a session leaves no table lock behind'
);
select is(
    pg_temp.other(format('select (web.save_session(%L, %L)).outcome', pg_temp.key('open'), '{"n":2}')),
    'saved',
    'the holder of the lock saves meanwhile'
);
select pg_temp.other_does('rollback') \g /dev/null
select lives_ok('select web.end_all_sessions()', 'without that transaction, it gets through');
select is(current_setting('lock_timeout'), '300ms', 'the caller''s lock_timeout stays');
select * from finish();
rollback;

begin;
\ir ../lib/dblink.sql
select pg_temp.clean_up(array['open', 'idle']) \g /dev/null
\else
select plan(1);
select skip('dblink is not there, or may not connect back: waits for another session are not tested', 1);
select * from finish();
\endif
rollback;
