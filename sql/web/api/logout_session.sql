create function web.logout_session(
    p_old_key bytea,
    p_new_key bytea
)
returns web.saved_session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- The visitor keeps the data, for example a shopping basket. The new id is one that no request of the user has carried. To
-- end the session with its data, call end_session.
begin
    return web.change_session_key(p_old_key, p_new_key, 'logout');
end;
$function$;

comment on function web.logout_session(bytea, bytea) is
'Remove the user from a session and keep its data, under a new key and handle. Returns one row with the outcome rotated, gone or exists. API: public';
