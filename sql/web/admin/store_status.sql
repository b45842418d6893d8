create function web.store_status()
returns table (
    live bigint,
    expired bigint,
    ended bigint,
    total_bytes bigint,
    table_bytes bigint,
    index_bytes bigint,
    dead_rows bigint,
    updates bigint,
    hot_updates bigint,
    last_pruned_at timestamptz,
    oldest_prune_after timestamptz,
    oldest_expired_at timestamptz,
    server_time timestamptz
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Reads the whole table once. The counters are those of the statistics system since its last reset.
#variable_conflict use_column
declare
    v_session regclass;
begin
    select c.oid::regclass
    into v_session
    from pg_class as c
    join pg_class as p on p.relnamespace = c.relnamespace
    join web.prune_state as q on q.tableoid = p.oid
    where c.relname = 'session';

    return query
    select
        count(*) filter (where s.expires_at > statement_timestamp()),
        count(*) filter (where s.expires_at <= statement_timestamp() and s.ended_at is null),
        count(*) filter (where s.ended_at is not null),
        pg_total_relation_size(v_session),
        pg_table_size(v_session),
        pg_indexes_size(v_session),
        pg_stat_get_dead_tuples(v_session),
        pg_stat_get_tuples_updated(v_session),
        pg_stat_get_tuples_hot_updated(v_session),
        (select p.last_pruned_at from web.prune_state as p),
        min(s.prune_after),
        -- Pruning leaves a row until both are over: a use with a shorter timeout does not move prune_after.
        min(greatest(s.expires_at, s.prune_after)) filter (
            where greatest(s.expires_at, s.prune_after) <= statement_timestamp()
                and s.ended_at is null
        ),
        statement_timestamp()
    from web.session as s;
end;
$function$;

comment on function web.store_status() is
'Return one row about the store: sessions by state, sizes, updates and pruning. API: private';
