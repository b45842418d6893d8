create function web.user_sessions(
    p_user_id text
)
returns table (
    handle uuid,
    created_at timestamptz,
    last_used_at timestamptz,
    expires_at timestamptz,
    client_address inet,
    user_agent text,
    label text
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- For a page "your devices". Without keys and data, so that the list gives access to no session.
#variable_conflict use_column
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    return query
    select
        s.handle,
        s.created_at,
        s.last_used_at,
        s.expires_at,
        s.client_address,
        s.user_agent,
        s.label
    from web.session as s
    where s.user_id = p_user_id collate "default"
        and s.ended_at is null
        and s.expires_at > statement_timestamp()
    order by s.last_used_at desc, s.created_at desc;
end;
$function$;

comment on function web.user_sessions(text) is
'Return the live sessions of a user, the most recently used one first. API: public';
