-- The sessions of connect-pg 1.1.5 move in: ids hashed, live ones only. A session without an expiry lived for ever there;
-- it gets the idle timeout of the store, counted from now. The old table goes with its file, raw ids and all.
if v_is_original then
    execute replace(
        $statement$
        insert into web.session (
            expires_at,
            slide_at,
            last_used_at,
            version,
            created_at,
            absolute_expires_at,
            prune_after,
            idle_timeout_seconds,
            slide_interval_seconds,
            key,
            data
        )
        select
            n.expires_at,
            least(statement_timestamp() + make_interval(secs => web.slide_interval_seconds(n.idle_timeout_seconds)), n.expires_at),
            statement_timestamp(),
            1,
            statement_timestamp(),
            n.absolute_expires_at,
            n.expires_at,
            n.idle_timeout_seconds,
            web.slide_interval_seconds(n.idle_timeout_seconds),
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
        ) as n
        $statement$,
        'web.',
        v_prefix
    );
    get diagnostics v_rows = row_count;
    return query select 'changed'::text, 'table'::text, 'session'::text, 'live sessions of connect-pg 1.1.5'::text, null::text, v_rows::text;
    execute format('drop table %I.session_of_connect_pg_1%s', p_schema, case when current_setting('connect_pg.drop_additions', true) = 'on' then ' cascade' end);
end if;
