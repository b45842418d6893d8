create function web.is_notify_queue_available(
    p_usage double precision default pg_catalog.pg_notification_queue_usage()
)
returns boolean
language plpgsql
immutable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Half of the queue is left for transactions that have passed this check and have not committed.
begin
    return p_usage <= 0.5;
end;
$function$;

comment on function web.is_notify_queue_available(double precision) is
'Return true if the NOTIFY queue of the cluster, by default as it is now, is at most half full. API: private';
