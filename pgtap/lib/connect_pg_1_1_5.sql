-- Included by tests of the upgrade: a store of connect-pg 1.1.5 for Node in the schema pgtap_old, made by hand.
-- tests/session_admin/upgrade_connect_pg.rs lets the real module make one.

-- As the statements of its session_install.sql leave it.
create schema pgtap_old;
create table pgtap_old.session ();
alter table pgtap_old.session add column sess_id text;
alter table pgtap_old.session add primary key (sess_id);
alter table pgtap_old.session add column sess_data text;
alter table pgtap_old.session add column expiration timestamp with time zone;
alter table pgtap_old.session alter column expiration set default now() + interval '1 day';
create index expire_idx on pgtap_old.session (expiration);
create function pgtap_old.valid_sessions() returns setof pgtap_old.session language plpgsql security definer set search_path = pgtap_old, pg_temp as
$$ begin return query select * from session where expiration > now() or expiration is null; end $$;
create function pgtap_old.set_session_data(sessid text, sessdata text, expire timestamp with time zone) returns void language plpgsql security definer set search_path = pgtap_old, pg_temp as
$$ begin insert into session values (sessid, sessdata, expire); end $$;
create function pgtap_old.get_session_data(sessid text) returns setof text language plpgsql security definer set search_path = pgtap_old, pg_temp as
$$ begin return query select sess_data from valid_sessions() where sess_id = sessid; end $$;
create function pgtap_old.destroy_session(sessid text) returns void language plpgsql security definer as $$ begin delete from pgtap_old.session where sess_id = sessid; end $$;
create function pgtap_old.clear_sessions() returns void language plpgsql security definer as $$ begin delete from pgtap_old.session; end $$;
create function pgtap_old.count_sessions() returns int language plpgsql security definer as $$ begin return (select count(*) from pgtap_old.valid_sessions()); end $$;
create function pgtap_old.remove_expired() returns trigger language plpgsql security definer as $$ begin delete from pgtap_old.session where expiration < now(); return null; end $$;
create function public.pgtap_new_session_id() returns text language plpgsql as $$ begin return md5(random()::text); end $$;
insert into pgtap_old.session (sess_id, sess_data, expiration)
values
('live', '{"n":1}', now() + interval '2 hours'),
('odd '' " \ ü€ id', '{"n":2}', now() + interval '90 days'),
('for ever', '{"n":3}', null),
('until the end of time', '{"n":4}', 'infinity'),
('null', null, now() + interval '1 hour'),
('', 'empty id', now() + interval '1 hour'),
('expired', '{"secret":1}', now()),
('long expired', '{"secret":2}', '-infinity');
create trigger delete_expired_trig after insert or update on pgtap_old.session for each statement execute function pgtap_old.remove_expired();
