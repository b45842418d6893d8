create function web.get_session_data(
    sessid text
)
returns setof text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- The key is in a variable, so that the plan is a lookup by the primary key, on a sharded server too.
declare
    v_key constant bytea := sha256(convert_to(sessid, 'UTF8'));
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    return query
    select s.data
    from web.session as s
    where s.key = v_key
        and s.expires_at > statement_timestamp();
end;
$function$;

comment on function web.get_session_data(text) is
'connect-pg interface: return the data of a live session; no row when there is none. Does not slide the expiry. API: public';
