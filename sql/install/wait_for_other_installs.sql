-- One install at a time in a database. An install that waited here finds nothing to do. Any role can hold the lock, so the wait is
-- bounded.
declare
    v_key constant bigint := hashtextextended('connect-pg correct_web', 0);
    v_start constant timestamptz := clock_timestamp();
    v_holder record;
begin
    while not pg_try_advisory_xact_lock(v_key) loop
        if clock_timestamp() > v_start + interval '10 seconds' then
            select l.pid, pg_get_userbyid(a.usesysid) as role
            into v_holder
            from pg_locks as l
            left join pg_stat_activity as a on a.pid = l.pid
            where l.locktype = 'advisory'
                and l.granted
                and l.objsubid = 1
                and l.database = (select d.oid from pg_database as d where d.datname = current_database())
                and l.classid::bigint << 32 | l.objid::bigint = v_key;
            raise exception using
                errcode = 'lock_not_available',
                message = format('process %s (role %s) holds the lock of installs', v_holder.pid, v_holder.role),
                hint = format('If it is no install: select pg_terminate_backend(%s)', v_holder.pid);
        end if;
        perform pg_sleep(0.1);
    end loop;
end;
