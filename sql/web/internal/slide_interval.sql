create function web.slide_interval(
    p_idle_timeout_seconds integer,
    p_percent integer,
    p_min_seconds integer,
    p_max_seconds integer
)
returns integer
language sql
immutable
as $function$
-- An interval makes most requests a read. Its maximum keeps last_used_at exact enough to find the least recently used
-- session; half the idle timeout keeps a session with a short timeout from expiring while in use.
select least(
    greatest(
        p_min_seconds,
        (p_idle_timeout_seconds::pg_catalog.int8 operator(pg_catalog.*) p_percent operator(pg_catalog./) 100)::pg_catalog.int4
    ),
    p_max_seconds,
    p_idle_timeout_seconds operator(pg_catalog./) 2
)
$function$;

comment on function web.slide_interval(integer, integer, integer, integer) is
'Return the seconds between two slides of a session with this idle timeout, by the settings of the store. API: private';
