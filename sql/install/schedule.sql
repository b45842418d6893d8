-- The schedule by which pg_cron prunes this store: as the caller asks, or else as the comment of prune_state has it. The job may be
-- in another database, so session-admin makes it. Here the schedule is only recorded.
begin
    v_schedule := nullif(
        coalesce(
            nullif(current_setting('connect_pg.schedule', true), ''),
            (
                select substring(obj_description(c.oid, 'pg_class') from ' Schedule: ([^.]+)\. API: private$')
                from pg_class as c
                join pg_namespace as n on n.oid = c.relnamespace
                where n.nspname = p_schema
                    and c.relname = 'prune_state'
            )
        ),
        'none'
    );
    if v_schedule !~ '^[0-9A-Za-z*/,$ -]{1,100}$' then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = format('connect_pg.schedule is %s', quote_literal(v_schedule)),
            hint = 'Set it to the five fields of a cron expression, to none, or leave it unset.';
    end if;
end;
