create function web.rotate_session(
    p_old_key bytea,
    p_new_key bytea,
    p_grace_seconds integer default 0
)
returns web.saved_session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- The grace is for other requests of the same page, which still carry the old id. Longer than a minute, it would help an
-- attacker who has the old id.
begin
    if p_grace_seconds is null or p_grace_seconds not between 0 and 60 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'the grace of a rotation is 0 to 60 seconds',
            hint = 'Pass 0 when no other request carries the old id.';
    end if;
    return web.change_session_key(p_old_key, p_new_key, 'rotate', p_grace_seconds);
end;
$function$;

comment on function web.rotate_session(bytea, bytea, integer) is
'Give a session a new key, and let the old key load it for p_grace_seconds. Returns one row with the outcome rotated, gone or exists. API: public';
