-- The live sessions of connect-pg 1.1.5, their ids hashed. A session without an expiry never ended there; it gets the idle
-- timeout of the store from now on. The old table is dropped, and with it the raw ids.
declare
    v_moved bigint;
begin
    if v_is_upgrade then
        execute replace(
            $statement$
            insert into web.session (
                expires_at,
                slide_at,
                absolute_expires_at,
                prune_after,
                idle_timeout_seconds,
                slide_interval_seconds,
                key,
                data
            )
            select
                n.expires_at,
                least(statement_timestamp() + make_interval(secs => web.slide_interval(n.idle_timeout_seconds, s.slide_percent, s.slide_min_seconds, s.slide_max_seconds)), n.expires_at),
                n.absolute_expires_at,
                n.expires_at,
                n.idle_timeout_seconds,
                web.slide_interval(n.idle_timeout_seconds, s.slide_percent, s.slide_min_seconds, s.slide_max_seconds),
                sha256(convert_to(n.id, 'UTF8')),
                n.data
            from (
                select
                    o.sess_id as id,
                    o.sess_data as data,
                    least(e.expires_at, a.absolute_expires_at) as expires_at,
                    a.absolute_expires_at,
                    ceil(extract(epoch from least(e.expires_at, a.absolute_expires_at) - statement_timestamp()))::integer as idle_timeout_seconds
                from web.session_of_connect_pg_1 as o
                cross join web.settings as s
                cross join lateral (
                    select coalesce(o.expiration, statement_timestamp() + make_interval(secs => s.idle_timeout_seconds)) as expires_at
                ) as e
                cross join lateral (
                    select statement_timestamp() + make_interval(secs => s.absolute_timeout_seconds) as absolute_expires_at
                ) as a
                where e.expires_at > statement_timestamp()
                -- The planner inlines slide_interval with a column for its argument, and with no long expression.
                offset 0
            ) as n
            cross join web.settings as s
            $statement$,
            'web.',
            v_prefix
        );
        get diagnostics v_moved = row_count;
        v_other_changes := v_other_changes || jsonb_build_object(
            'action', 'changed',
            'kind', 'table',
            'object', 'session',
            'attribute', 'live sessions of connect-pg 1.1.5',
            'after', v_moved::text
        );
        execute format('drop table %I.session_of_connect_pg_1%s', p_schema, case when current_setting('connect_pg.drop_additions', true) = 'on' then ' cascade' end);
    end if;
end;
