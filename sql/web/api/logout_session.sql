create function web.logout_session(
    p_old_key bytea,
    p_new_key bytea
)
returns table (
    outcome text,
    version bigint,
    expires_at timestamptz,
    server_time timestamptz
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- The visitor keeps the data, for example a shopping basket. The new id is one that no request of the user has carried. To
-- end the session with its data, call end_session.
#variable_conflict use_column
declare
    v_outcome constant text := web.change_session_key(p_old_key, p_new_key, 0);
    v_handle uuid;
begin
    if v_outcome in ('gone', 'exists') then
        return query select v_outcome, null::bigint, null::timestamptz, statement_timestamp();
        return;
    end if;
    if v_outcome = 'rotated' then
        -- What is known by the handle of the user's session must not continue as the visitor's.
        select s.handle into v_handle from web.session as s where s.key = p_new_key;
        perform web.notify_session_end(v_handle, 'logout');
        update web.session as s
        set
            user_id = null,
            handle = gen_random_uuid(),
            label = null
        where s.key = p_new_key;
    end if;
    return query
    select 'rotated'::text, s.version, s.expires_at, statement_timestamp()
    from web.session as s
    where s.key = p_new_key
        and s.user_id is null;
    if not found then
        -- The key was changed before, but not by this logout.
        return query select 'gone'::text, null::bigint, null::timestamptz, statement_timestamp();
    end if;
end;
$function$;

comment on function web.logout_session(bytea, bytea) is
'Remove the user from a session and keep its data, under a new key and handle. Returns one row with the outcome rotated, gone or exists. API: public';
