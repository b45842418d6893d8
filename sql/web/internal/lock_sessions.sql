create function web.lock_sessions()
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Every create queues behind a table lock that waits. So each attempt is short, and the pause after it lets them through.
-- A weaker mode would let a transaction keep the rows of lock_session: an update under this lock would wait for them without bound.
declare
    v_lock_timeout constant text := current_setting('lock_timeout');
    -- About 10 seconds, or the caller's lock_timeout if that is shorter.
    v_attempts constant integer := (
        select least(25, 1 + nullif(s.setting::integer, 0) / 400)
        from pg_settings as s
        where s.name = 'lock_timeout'
    );
    v_table constant regclass := web.session_table();
    v_database constant oid := (select d.oid from pg_database as d where d.datname = current_database());
    v_milliseconds integer := 200;
    v_holder record;
begin
    for v_attempt in 1..v_attempts loop
        begin
            perform set_config('lock_timeout', v_milliseconds::text, true);
            lock table web.session in exclusive mode;
            perform set_config('lock_timeout', v_lock_timeout, true);
            return;
        exception
            when lock_not_available then
                perform pg_sleep(0.2);
        end;
        -- Autovacuum, which has no role, ends itself for a lock that waits longer than deadlock_timeout, unless it prevents wraparound.
        v_milliseconds := case
            when v_attempt <= 3
                and exists (
                    select
                    from pg_locks as l
                    join pg_stat_activity as a on a.pid = l.pid
                    where l.locktype = 'relation'
                        and l.relation = v_table
                        and l.database = v_database
                        and l.granted
                        and l.mode = 'ShareUpdateExclusiveLock'
                        and a.usesysid is null
                )
                then (select least(s.setting::integer, 2000) + 200 from pg_settings as s where s.name = 'deadlock_timeout')
            else 200
        end;
    end loop;

    -- pg_blocking_pids() answers for a process while it waits, and this one does so no more. The age of a transaction is hidden from
    -- this role.
    select l.pid, coalesce(pg_get_userbyid(a.usesysid)::text, 'unknown') as role
    into v_holder
    from pg_locks as l
    left join pg_stat_activity as a on a.pid = l.pid
    where l.locktype = 'relation'
        and l.relation = v_table
        and l.database = v_database
        and l.granted
        and l.mode <> 'AccessShareLock'
        and l.pid is distinct from pg_backend_pid()
    order by a.xact_start, l.waitstart, l.pid
    limit 1;
    raise exception using
        errcode = 'lock_not_available',
        message = 'the sessions cannot be locked: another transaction has changed some and is still open',
        hint = coalesce(
            format('Process %s (role %s) is in the way. pg_terminate_backend(%s) ends it', v_holder.pid, v_holder.role, v_holder.pid),
            'Try again.'
        );
end;
$function$;

comment on function web.lock_sessions() is
'Lock all sessions against changes until the end of the transaction, or fail with 55P03 and name the process in the way. API: private';
