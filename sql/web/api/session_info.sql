create function web.session_info(
    p_key bytea
)
returns table (
    state text,
    reason text,
    handle uuid,
    user_id text,
    created_at timestamptz,
    last_used_at timestamptz,
    expires_at timestamptz,
    absolute_expires_at timestamptz,
    client_address inet,
    user_agent text,
    label text
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- For logs and metrics after a load that found no session, and for the handle of a session. Visitors must not see whether
-- a session has expired, was ended or never existed.
#variable_conflict use_column
begin
    if current_setting('transaction_isolation') = 'serializable' or octet_length(p_key) is distinct from 32 then
        perform web.check_key(p_key);
    end if;
    return query
    select
        case
            when s.expires_at > statement_timestamp() then 'live'
            when s.ended_at is not null then 'ended'
            else 'expired'
        end,
        s.ended_reason,
        -- After a rotation the session under the new key has the handle.
        case when s.successor is null then s.handle end,
        s.user_id,
        s.created_at,
        s.last_used_at,
        nullif(s.expires_at, '-infinity'),
        s.absolute_expires_at,
        s.client_address,
        s.user_agent,
        s.label
    from web.session as s
    where s.key = p_key;
    if not found then
        return query
        select
            'missing'::text,
            null::text,
            null::uuid,
            null::text,
            null::timestamptz,
            null::timestamptz,
            null::timestamptz,
            null::timestamptz,
            null::inet,
            null::text,
            null::text;
    end if;
end;
$function$;

comment on function web.session_info(bytea) is
'Return what is known about a session, except its data. Returns one row with the state live, expired, ended or missing. API: public';
