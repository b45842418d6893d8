create function web.lock_user(
    p_user_id text
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Whatever creates or ends several sessions of a user takes this lock first, and only then locks rows: so limits hold, a
-- login under way does not survive "log out everywhere", and nobody waits in a circle. Until the end of the transaction.
begin
    perform pg_advisory_xact_lock(hashtextextended(p_user_id, p.tableoid::bigint)) from web.settings as p;
end;
$function$;

comment on function web.lock_user(text) is
'Wait for the other transactions that create or end sessions of this user. API: private';
