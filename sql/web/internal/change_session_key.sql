create function web.change_session_key(
    p_old_key bytea,
    p_new_key bytea,
    p_grace_seconds integer
)
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- The row takes the new key, and a tombstone that points to it takes the old one. So a late save under the old key finds an
-- ended session, and a logout with the old key finds the session.
declare
    v_now constant timestamptz := statement_timestamp();
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    if octet_length(p_old_key) is distinct from 32 or octet_length(p_new_key) is distinct from 32 then
        perform web.raise_invalid_key();
    end if;
    if p_old_key = p_new_key then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'the new key equals the old key',
            hint = 'Generate a new session id.';
    end if;
    if p_grace_seconds is null or p_grace_seconds not between 0 and 60 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'the grace of a rotation is 0 to 60 seconds',
            hint = 'Pass 0 when no other request carries the old id.';
    end if;

    -- The unique index finds a new key that is in use, be it by an uncommitted insert.
    begin
        update web.session as s
        set
            expires_at = least(
                greatest(s.expires_at, v_now + make_interval(secs => s.idle_timeout_seconds)),
                s.absolute_expires_at
            ),
            slide_at = least(
                v_now + make_interval(secs => s.slide_interval_seconds),
                greatest(s.expires_at, v_now + make_interval(secs => s.idle_timeout_seconds)),
                s.absolute_expires_at
            ),
            last_used_at = v_now,
            key = p_new_key
        where s.key = p_old_key
            and s.expires_at > v_now;
    exception
        when unique_violation then
            return 'exists';
    end;

    if not found then
        -- The caller may have repeated the call after a lost answer.
        if exists (
            select
            from web.session as o
            join web.session as s on s.key = o.successor
            where o.key = p_old_key
                and o.successor = p_new_key
                and s.expires_at > v_now
        ) then
            return 'repeated';
        end if;
        return 'gone';
    end if;

    perform web.insert_tombstone(p_old_key, 'rotated', p_new_key, p_grace_seconds);
    perform web.prune_neighbors(p_new_key);
    return 'rotated';
end;
$function$;

comment on function web.change_session_key(bytea, bytea, integer) is
'Give a live session a new key, and leave a tombstone under the old one. Returns rotated, repeated (by an earlier call), exists or gone. API: private';
