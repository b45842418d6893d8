create function web.import_sessions(
    p_keys bytea[],
    p_data text[],
    p_created_at timestamptz[],
    p_last_used_at timestamptz[],
    p_expires_at timestamptz[],
    p_absolute_expires_at timestamptz[],
    p_idle_timeout_seconds integer[],
    p_user_ids text[],
    p_client_addresses inet[],
    p_user_agents text[],
    p_labels text[]
)
returns table (
    ordinality integer,
    outcome text
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- A key that exists is left as it is, so that an import can be repeated and undoes no logout. Each array has one element for
-- each session.
#variable_conflict use_column
declare
    v_now constant timestamptz := statement_timestamp();
begin
    if not exists (select from web.settings) then
        perform web.raise_missing_settings();
    end if;

    return query
    with source as materialized (
        select
            u.*,
            case
                when octet_length(u.key) is distinct from 32 then 'bad key'
                when u.data is null then 'no data'
                when octet_length(u.data) > n.max_data_bytes then 'data too large'
                when u.user_id = '' or octet_length(u.user_id) > 1024 then 'bad user id'
                when u.idle_timeout_seconds < 1 then 'bad timeout'
                when coalesce(u.expires_at, 'infinity') <= v_now or u.absolute_expires_at <= v_now then 'expired'
            end as fault,
            least(
                coalesce(u.absolute_expires_at, 'infinity'),
                v_now + make_interval(secs => n.absolute_timeout_seconds)
            ) as last_at,
            n.idle_timeout_seconds as default_idle_timeout_seconds
        from unnest(
            p_keys,
            p_data,
            p_created_at,
            p_last_used_at,
            p_expires_at,
            p_absolute_expires_at,
            p_idle_timeout_seconds,
            p_user_ids,
            p_client_addresses,
            p_user_agents,
            p_labels
        ) with ordinality as u (
            key,
            data,
            created_at,
            last_used_at,
            expires_at,
            absolute_expires_at,
            idle_timeout_seconds,
            user_id,
            client_address,
            user_agent,
            label,
            ordinality
        )
        cross join web.settings as n
    ),
    -- A null expiry means the idle timeout from now, as in set_session_data. For a key that occurs twice, the first counts.
    dated as (
        select distinct on (o.key)
            o.*,
            least(
                coalesce(
                    o.expires_at,
                    v_now + make_interval(secs => coalesce(o.idle_timeout_seconds, o.default_idle_timeout_seconds))
                ),
                o.last_at
            ) as until
        from source as o
        where o.fault is null
        order by o.key, o.ordinality
    ),
    -- Materialized, because the planner inlines slide_interval with a column for its argument, and with no long expression.
    timed as materialized (
        select
            d.*,
            coalesce(d.idle_timeout_seconds, ceil(extract(epoch from d.until - v_now))::integer) as idle
        from dated as d
    ),
    added as (
        insert into web.session as s (
            expires_at,
            slide_at,
            last_used_at,
            created_at,
            absolute_expires_at,
            prune_after,
            idle_timeout_seconds,
            slide_interval_seconds,
            key,
            user_id,
            client_address,
            user_agent,
            label,
            data
        )
        select
            t.until,
            least(v_now + make_interval(secs => i.slide_interval_seconds), t.until),
            greatest(least(coalesce(t.last_used_at, v_now), v_now), 'epoch'),
            greatest(least(coalesce(t.created_at, v_now), v_now), 'epoch'),
            t.last_at,
            t.until,
            t.idle,
            i.slide_interval_seconds,
            t.key,
            t.user_id,
            t.client_address,
            left(t.user_agent, 512),
            left(t.label, 256),
            t.data
        from timed as t
        cross join web.settings as n
        cross join lateral (
            select web.slide_interval(t.idle, n.slide_percent, n.slide_min_seconds, n.slide_max_seconds) as slide_interval_seconds
        ) as i
        order by t.key
        on conflict (key) do nothing
        returning s.key
    )
    select
        o.ordinality::integer,
        coalesce(o.fault, case when a.key is null then 'exists' else 'imported' end)
    from source as o
    left join dated as d on d.ordinality = o.ordinality
    left join added as a on a.key = d.key
    order by o.ordinality;
end;
$function$;

comment on function web.import_sessions(bytea[], text[], timestamptz[], timestamptz[], timestamptz[], timestamptz[], integer[], text[], inet[], text[], text[]) is
'Add sessions from another store. Returns one row for each element of the arrays, with its ordinality from 1 on and its outcome. API: private';
