create function web.resolve_key(
    p_key bytea,
    p_within_grace boolean
)
returns uuid
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- Returns a handle, not a key: settings of the caller can print what passes between two statements. With the present key, a
-- caller with an old key could take the session over.
declare
    v_handle uuid;
begin
    select s.handle
    into v_handle
    from web.session as s
    where s.key = p_key
        and s.expires_at > statement_timestamp();
    if found then
        return v_handle;
    end if;

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
        -- A transaction on an old snapshot may see a deleted row beside a new one with the same key.
        limit 1
    );
end;
$function$;

comment on function web.resolve_key(bytea, boolean) is
'Return the handle of the live session that a key means, by way of the rotations since; null when there is none. With p_within_grace only rotations whose grace lasts count. API: private';
