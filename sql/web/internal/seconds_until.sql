create function web.seconds_until(
    p_expires_at timestamptz
)
returns integer
language sql
stable
as $function$
-- The idle timeout of a session whose expiry is a point in time. Its absolute timeout is that point, so no use moves the expiry.
select case
    when p_expires_at is not null then
        greatest(pg_catalog.ceil(extract(epoch from p_expires_at operator(pg_catalog.-) pg_catalog.statement_timestamp())), 1)::pg_catalog.int4
end
$function$;

comment on function web.seconds_until(timestamptz) is
'Return the whole seconds from now to a point in time, at least 1; null for null. API: private';
