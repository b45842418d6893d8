create function web.expiry_after_use(
    p_expires_at timestamptz,
    p_idle_timeout_seconds integer,
    p_absolute_expires_at timestamptz
)
returns timestamptz
language sql
stable
as $function$
-- Inlined into the statements that call it, so it is a plain SQL function without settings.
--
-- Never earlier than before: an expiry set by hand, or a clock that was set back, must not end a session early.
select least(
    greatest(p_expires_at, pg_catalog.statement_timestamp() operator(pg_catalog.+) pg_catalog.make_interval(secs => p_idle_timeout_seconds)),
    p_absolute_expires_at
)
$function$;

comment on function web.expiry_after_use(timestamptz, integer, timestamptz) is
'Return the expiry of a session that is used now, from the one before, or null for a new session. API: private';
