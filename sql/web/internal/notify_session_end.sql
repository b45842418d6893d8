create function web.notify_session_end(
    p_handle uuid,
    p_reason text
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- For applications with open web sockets. Every role can listen, so the payload contains no key. Every role can fill the queue
-- too, and a full queue would fail the commit of a logout.
declare
    v_channel text;
begin
    select s.notify_channel into v_channel from web.settings as s;
    if v_channel is not null and web.is_notify_queue_available() then
        perform pg_notify(v_channel, json_build_object('handle', p_handle, 'reason', p_reason)::text);
    end if;
end;
$function$;

comment on function web.notify_session_end(uuid, text) is
'Announce that the session with this handle has ended, or all sessions when it is null. Does nothing when the store has no channel. API: private';
