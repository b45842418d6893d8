-- prune_random_pages: some inserts delete expired sessions and old tombstones of a few pages.
begin;
\ir ../lib/store.sql
select plan(21);

-- Sessions 1 to 40 of this kind, and none beside them.
create function pg_temp.forty(kind text)
returns void
language plpgsql
security definer
as $$
begin
    -- A page or two, whatever other tests have left.
    truncate web.session;
    insert into web.session (expires_at, slide_at, last_used_at, version, created_at, absolute_expires_at, prune_after, idle_timeout_seconds, slide_interval_seconds, key, ended_at, data)
    select
        case kind when 'live' then now() + interval '1 day' when 'expired' then now() - interval '1 second' else '-infinity' end,
        '-infinity', now(), 1, now(), '2100-01-01', now() + interval '1 hour', 60, 30, sha256(n::text::bytea),
        case kind when 'ended' then now() - interval '3000 s' when 'ended long ago' then now() - interval '3700 s' end,
        '{}'
    from generate_series(1, 40) as n;
end;
$$;

create function pg_temp.left_over_count()
returns integer
language sql
security definer
as $$
    select count(*)::integer
    from generate_series(1, 40) as n
    where exists (select from web.session as s where s.key = sha256(n::text::bytea));
$$;

create function pg_temp.tuples_read(statement text)
returns bigint
language plpgsql
security definer
as $$
declare
    v_before constant bigint := pg_stat_get_xact_tuples_returned('web.session'::regclass) + pg_stat_get_xact_tuples_fetched('web.session'::regclass);
begin
    execute statement;
    return pg_stat_get_xact_tuples_returned('web.session'::regclass) + pg_stat_get_xact_tuples_fetched('web.session'::regclass) - v_before;
end;
$$;

-- ---- How many, and which ----

set local role nodepg_owner;
select pg_temp.forty('expired') \g /dev/null
select web.prune_random_pages() \g /dev/null
select is(pg_temp.left_over_count(), 8, 'expired: 32 of forty are deleted');
select web.prune_random_pages() \g /dev/null
select is(pg_temp.left_over_count(), 0, 'next call: the other eight');
select pg_temp.forty('live') \g /dev/null
select web.prune_random_pages() \g /dev/null
select is(pg_temp.left_over_count(), 40, 'live sessions: kept');
select pg_temp.forty('ended') \g /dev/null
select web.prune_random_pages() \g /dev/null
select is(pg_temp.left_over_count(), 40, 'tombstones within retention: kept');
select pg_temp.forty('ended long ago') \g /dev/null
select web.prune_random_pages() \g /dev/null
select is(pg_temp.left_over_count(), 8, 'tombstones after retention: deleted');

savepoint settings;
reset role;
delete from web.settings;
set local role nodepg_owner;
select pg_temp.forty('ended') \g /dev/null
select web.prune_random_pages() \g /dev/null
select is(pg_temp.left_over_count(), 40, 'without settings: tombstones are kept');
rollback to savepoint settings;

-- ---- Beside a pruner ----

savepoint pruner;
create function pg_temp.left_over_beside_pruner(last_run interval)
returns integer
language plpgsql
as $$
begin
    perform pg_temp.forty('expired');
    update web.prune_state set last_pruned_at = statement_timestamp() + last_run;
    perform web.prune_random_pages();
    return pg_temp.left_over_count();
end;
$$;
select is(pg_temp.left_over_beside_pruner('-59 minutes'), 40, 'a pruner ran within the hour: nothing is deleted');
select is(pg_temp.left_over_beside_pruner('-61 minutes'), 8, 'it ran earlier: 32 are deleted');
select is(pg_temp.left_over_beside_pruner('1 minute'), 8, 'it ran in the future, before the clock was set back: 32 are deleted');
rollback to savepoint pruner;

-- ---- The functions that prune ----

-- Each of them in a sixteenth of its calls, and of few pages one: in 50 calls none with a probability of one in nine, in 20 times 50
-- of one in 10^19.
set local role nodepg;
create function pg_temp.prunes(call text)
returns boolean
language plpgsql
as $$
begin
    for n in 1..20 loop
        perform pg_temp.forty('expired');
        for i in 1..50 loop
            execute replace(call, '<i>', i::text);
        end loop;
        if pg_temp.left_over_count() < 40 then
            return true;
        end if;
    end loop;
    return false;
end;
$$;
select is(pg_temp.prunes(c.call), c.prunes, format('%s: %s', c.call, case when c.prunes then 'prunes' else 'does not prune' end))
from (
    values
    ($$ select web.create_session(sha256('new <i>'), '{}') $$, true),
    ($$ select web.end_session(sha256('unknown <i>')) $$, true),
    ($$ select web.set_session_data('new <i>', '{}', null) $$, true),
    ($$ select web.destroy_session('unknown <i>') $$, true),
    ($$ select web.rotate_session(sha256('a'), sha256('new <i>')) $$, false),
    ($$ select web.create_session(sha256('10'), '{}') $$, false),
    ($$ select web.load_session(sha256('10')) $$, false),
    ($$ select web.save_session(sha256('10'), '{}') $$, false),
    ($$ select web.touch_session(sha256('10')) $$, false),
    ($$ select web.get_session_data('10') $$, false)
) as c (call, prunes);

-- ---- The pages ----

-- Far more pages than one call reads: the bound holds, and all are reached.
reset role;
truncate web.session;
insert into web.session (prune_after, key, data)
select now(), sha256(n::text::bytea), repeat('x', 1000)
from generate_series(1, 2000) as n;
set local role nodepg_owner;
select cmp_ok(pg_temp.tuples_read($$ select web.prune_random_pages() $$), '<=', 160::bigint, 'one call reads sixteen pages at most');
do $$
begin
    for i in 1..4000 loop
        perform web.prune_random_pages();
    end loop;
end;
$$;
select cmp_ok(pg_temp.rows(), '<', 40::bigint, 'all pages are reached, the first and the last too');

select * from finish();
rollback;
