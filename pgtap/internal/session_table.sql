-- session_table: the table, under whatever name its schema has.
begin;
\ir ../lib/store.sql
select plan(1);
set local role nodepg_owner;

select is(web.session_table()::oid, 'web.session'::regclass::oid, 'the table of the sessions');

select * from finish();
rollback;
