create function web.slide_interval_seconds(
    p_idle_timeout_seconds integer
)
returns integer
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- An interval makes most requests a read. Its maximum keeps last_used_at exact enough to find the least recently used
-- session; half the idle timeout keeps a session with a short timeout from expiring while in use.
begin
    return (
        select least(
            greatest(s.slide_min_seconds, (p_idle_timeout_seconds::bigint * s.slide_percent / 100)::integer),
            s.slide_max_seconds,
            p_idle_timeout_seconds / 2
        )
        from web.settings as s
    );
end;
$function$;

comment on function web.slide_interval_seconds(integer) is
'Return the seconds between two slides of a session with this idle timeout. API: private';
