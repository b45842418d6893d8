-- Requests queue behind a lock that waits. session-admin repeats a call that fails because of this. Autovacuum, which has no role,
-- ends itself for a lock that waits longer than deadlock_timeout, unless it prevents wraparound. That is no reason to wait for long.
perform set_config(
    'lock_timeout',
    coalesce(
        (
            select (s.setting::integer + 200)::text
            from pg_settings as s
            where s.name = 'deadlock_timeout'
                and s.setting::integer <= 2000
                and exists (
                    select
                    from pg_locks as l
                    join pg_stat_activity as a on a.pid = l.pid
                    join pg_class as c on c.oid = l.relation
                    join pg_namespace as n on n.oid = c.relnamespace
                    where l.locktype = 'relation'
                        and l.database = (select d.oid from pg_database as d where d.datname = current_database())
                        and l.granted
                        and l.mode = 'ShareUpdateExclusiveLock'
                        and a.usesysid is null
                        and n.nspname = p_schema
                        and age(c.relfrozenxid) <= current_setting('autovacuum_freeze_max_age')::integer
                        and mxid_age(c.relminmxid) <= current_setting('autovacuum_multixact_freeze_max_age')::integer
                )
        ),
        '200'
    ),
    true
);
