create function web.end_user_sessions(
    p_user_id text,
    p_except_key bytea default null
)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- "Log out everywhere", or everywhere else (OWASP ASVS 5.0, 7.4.3). The lock lets a login that is under way finish first,
-- so that its session is among those that end.
declare
    v_except_key bytea := p_except_key;
    v_successor bytea;
    v_keys bytea[];
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    if p_except_key is not null and octet_length(p_except_key) <> 32 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a session key has 32 bytes',
            hint = 'Pass sha256 of the session id, as bytea; or null to end them all.';
    end if;

    perform web.lock_user(p_user_id);
    for v_round in 1..2 loop
        -- The request may carry the id of before a rotation: it means the session, whatever its id is by now.
        loop
            select t.successor into v_successor from web.session as t where t.key = v_except_key;
            exit when v_successor is null;
            v_except_key := v_successor;
        end loop;
        exit when v_round = 2;

        -- Locked in one order; the one to keep may be locked already, by the caller himself. From here on none gets another
        -- key, so a second look tells whether the one to keep got its own just before.
        select array_agg(v.key)
        into v_keys
        from (
            select s.key
            from web.session as s
            where s.user_id = p_user_id
                and s.expires_at > statement_timestamp()
                and s.key is distinct from v_except_key
            order by s.key
            for no key update
        ) as v;
    end loop;
    return (
        select count(*) filter (where web.tombstone_session(k.key, 'revoked'))::integer
        from unnest(v_keys) as k (key)
        where k.key is distinct from v_except_key
    );
end;
$function$;

comment on function web.end_user_sessions(text, bytea) is
'End the sessions of a user, but that of p_except_key, rotated or not. Returns how many were ended. API: public';
