create function web.resolve_key(
    p_key bytea,
    p_within_grace boolean
)
returns uuid
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- A handle and not a key: what passes between two statements can be printed by a setting of the caller, and the key of the
-- session would give the session to a caller who has only its old key.
begin
    return (
        with recursive chain as (
            select s.handle, s.successor, s.expires_at, s.grace_until
            from web.session as s
            where s.key = p_key
            union all
            select s.handle, s.successor, s.expires_at, s.grace_until
            from chain as c
            join web.session as s on s.key = c.successor
            where not p_within_grace
                or c.grace_until > statement_timestamp()
        )
        select c.handle
        from chain as c
        where c.expires_at > statement_timestamp()
    );
end;
$function$;

comment on function web.resolve_key(bytea, boolean) is
'Return the handle of the live session that a key means, by way of the rotations since; null when there is none. With p_within_grace only rotations whose grace lasts count. API: private';
