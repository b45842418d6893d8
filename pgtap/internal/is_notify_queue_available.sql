-- is_notify_queue_available: above half of the queue the store announces nothing, so that a commit cannot fail.
begin;
\ir ../lib/store.sql
select plan(7);
set local role nodepg_owner;

select is(web.is_notify_queue_available(u.usage), u.expected, format('with a share of %s', u.usage))
from (values (0::double precision, true), (0.5, true), (0.50001, false), (1, false)) as u (usage, expected);
select is(web.is_notify_queue_available(), pg_notification_queue_usage() <= 0.5, 'by default the present share');
reset role;

-- A function replaces the check, as if another role had filled the queue.
update web.settings set notify_channel = 'pgtap_ends';
create or replace function web.is_notify_queue_available(p_usage double precision default pg_catalog.pg_notification_queue_usage())
returns boolean
language sql
as $$
    select false;
$$;
set local role nodepg;
select web.create_session(sha256('full'), '{}') \g /dev/null
select is(web.end_session(sha256('full')), true, 'with a full queue a session can be ended');
select is_empty($$ select * from web.load_session(sha256('full')) $$, 'and stays ended');

select * from finish();
rollback;
