//! Random operations on a few sessions, by several clients in every kind of transaction, against a model in memory.
//!
//! After each operation the reply and every column of every row must be what the model says, to the microsecond. Time passes
//! by moving the times of all rows into the past, so nothing here sleeps. `PROPTEST_CASES` sets the number of cases. A failure
//! is shrunk, and kept in `tests/database/model.regressions`. Loads and saves are made by the single functions, in groups, or
//! by both in turn.

use std::{cell::RefCell, collections::BTreeSet, env};

use crate::support::raw_store::{
    Grouping, Micros, RawStore, code_of, key_of, load_in_group, save_in_group,
};
use crate::support::store_model::{Model, Pruning, Reply, Request, Row, Settings};
use postgres::{Client, GenericClient, IsolationLevel, Row as PgRow};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, FileFailurePersistence, TestCaseError, TestError, TestRunner},
};

const SESSIONS: u8 = 5;
const CONNECTIONS: usize = 3;

/// One event of a run.
#[derive(Clone, Debug)]
enum Event {
    Call {
        connection: usize,
        way: Way,
        call: Call,
    },
    /// Lets so many seconds pass.
    Pass(i64),
    /// Gives a live session so many seconds more by hand, as far as its absolute timeout allows.
    Prolong { session: u8, seconds: i64 },
    /// Prunes in batches of so many rows until nothing is left.
    PruneAll(i32),
}

/// The transaction of a call.
#[derive(Clone, Copy, Debug)]
enum Way {
    Autocommit,
    Committed,
    RolledBack,
    RepeatableRead,
    ReadOnly,
}

/// A request whose parameters depend on the state in which it is made.
#[derive(Clone, Debug)]
enum Call {
    Plain(Request),
    /// Passes a version so far from the stored one.
    Save {
        session: u8,
        data: String,
        off_by: Option<i64>,
    },
    Set {
        session: u8,
        data: Option<String>,
        expire: Expire,
    },
}

#[derive(Clone, Copy, Debug)]
enum Expire {
    Default,
    In(i64),
    Infinity,
    MinusInfinity,
}

impl Call {
    fn request(&self, model: &Model, now: Micros) -> Request {
        match self {
            Self::Plain(request) => request.clone(),
            Self::Save {
                session,
                data,
                off_by,
            } => Request::Save {
                session: *session,
                data: data.clone(),
                version: off_by
                    .map(|off_by| off_by + model.rows.get(session).map_or(1, |row| row.version)),
            },
            Self::Set {
                session,
                data,
                expire,
            } => Request::Set {
                session: *session,
                data: data.clone(),
                expire: match expire {
                    Expire::Default => None,
                    Expire::In(seconds) => Some(now.plus_seconds(*seconds)),
                    Expire::Infinity => Some(Micros::INFINITY),
                    Expire::MinusInfinity => Some(Micros::MINUS_INFINITY),
                },
            },
        }
    }
}

// ── Events ──────────────────────────────────────────────────────────────────────────────────────────────

fn session() -> impl Strategy<Value = u8> {
    0..SESSIONS
}

/// Returns one of few values, so that a save often finds its data stored already.
fn data() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("{}".to_owned()),
        Just(r#"{"views":1}"#.to_owned()),
        Just(r#"{"name":"Žofie 🦀","nul":"\u0000"}"#.to_owned()),
        Just(format!(r#"{{"long":"{}"}}"#, "x".repeat(9_000))),
    ]
}

fn idle_timeout_seconds() -> impl Strategy<Value = Option<i32>> {
    prop::sample::select(vec![
        None,
        Some(1),
        Some(2),
        Some(30),
        Some(121),
        Some(1_800),
        Some(86_400),
        Some(i32::MAX),
    ])
}

fn absolute_timeout_seconds() -> impl Strategy<Value = Option<i32>> {
    prop::sample::select(vec![
        None,
        Some(1),
        Some(45),
        Some(90),
        Some(3_600),
        Some(i32::MAX),
    ])
}

fn expire() -> impl Strategy<Value = Expire> {
    prop_oneof![
        2 => Just(Expire::Default),
        4 => prop::sample::select(vec![1, 30, 100, 1_800, 86_400, 3_000_000_000]).prop_map(Expire::In),
        1 => prop::sample::select(vec![0, -1, -4_000]).prop_map(Expire::In),
        1 => Just(Expire::Infinity),
        1 => Just(Expire::MinusInfinity),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let plain = prop_oneof![
        6 => (session(), data(), idle_timeout_seconds(), absolute_timeout_seconds(), prop::option::of(Just("ada".to_owned()))).prop_map(
            |(session, data, idle_timeout_seconds, absolute_timeout_seconds, user_id)| Request::Create {
                session,
                data,
                idle_timeout_seconds,
                absolute_timeout_seconds,
                user_id,
            }
        ),
        6 => (session(), prop::bool::weighted(0.8)).prop_map(|(session, slide)| Request::Load { session, slide }),
        3 => session().prop_map(|session| Request::Touch { session }),
        2 => session().prop_map(|session| Request::End { session }),
        2 => session().prop_map(|session| Request::Destroy { session }),
        3 => session().prop_map(|session| Request::Get { session }),
        2 => (1..4_i32).prop_map(|max_rows| Request::Prune { max_rows }),
        1 => Just(Request::Count),
        1 => prop::bool::weighted(0.3).prop_map(|clear| if clear { Request::Clear } else { Request::Count }),
    ];
    prop_oneof![
        26 => plain.prop_map(Call::Plain),
        7 => (session(), data(), prop::sample::select(vec![None, Some(0), Some(0), Some(-1), Some(1)]))
            .prop_map(|(session, data, off_by)| Call::Save { session, data, off_by }),
        6 => (session(), prop::option::weighted(0.9, data()), expire())
            .prop_map(|(session, data, expire)| Call::Set { session, data, expire }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let way = prop_oneof![
        6 => Just(Way::Autocommit),
        1 => Just(Way::Committed),
        1 => Just(Way::RolledBack),
        1 => Just(Way::RepeatableRead),
        1 => Just(Way::ReadOnly),
    ];
    let seconds = vec![
        1, 2, 14, 16, 29, 31, 59, 61, 89, 91, 599, 601, 1_799, 1_801, 3_599, 3_601, 86_401,
        2_592_001,
    ];
    prop_oneof![
        12 => (0..CONNECTIONS, way, call())
            .prop_map(|(connection, way, call)| Event::Call { connection, way, call }),
        4 => prop::sample::select(seconds).prop_map(Event::Pass),
        1 => (session(), prop::sample::select(vec![10, 5_000]))
            .prop_map(|(session, seconds)| Event::Prolong { session, seconds }),
        1 => (1..4_i32).prop_map(Event::PruneAll),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    (
        prop::sample::select(vec![86_400, 1_800, 3]),
        prop::sample::select(vec![2_592_000, 7_200, 2]),
        prop::sample::select(vec![3_600, 60]),
        prop::sample::select(vec![5, 0, 50]),
        prop::sample::select(vec![(60, 600), (0, 0), (0, 600)]),
    )
        .prop_map(
            |(
                idle_timeout_seconds,
                absolute_timeout_seconds,
                tombstone_retention_seconds,
                slide_percent,
                slide,
            )| Settings {
                idle_timeout_seconds,
                absolute_timeout_seconds,
                tombstone_retention_seconds,
                slide_percent,
                slide_min_seconds: slide.0,
                slide_max_seconds: slide.1,
            },
        )
}

// ── The server ───────────────────────────────────────────────────────────────────────────────────────────────

fn id_of(session: u8) -> String {
    format!("session {session}")
}

fn key_of_session(session: u8) -> Vec<u8> {
    key_of(&id_of(session))
}

/// Decodes a row of `create_session`.
fn created(row: &PgRow) -> Reply {
    if row.get::<_, &str>("outcome") == "created" {
        Reply::Created {
            version: row.get("version"),
            expires_at: row.get("expires_at"),
        }
    } else {
        assert_eq!(row.get::<_, &str>("outcome"), "exists");
        assert_eq!(row.get::<_, Option<i64>>("version"), None);
        assert_eq!(row.get::<_, Option<Micros>>("expires_at"), None);
        Reply::Exists
    }
}

/// Decodes a row of `load_session` or `load_sessions`.
fn loaded(row: &PgRow) -> Reply {
    Reply::Loaded {
        data: row.get("data"),
        version: row.get("version"),
        expires_at: row.get("expires_at"),
        user_id: row.get("user_id"),
    }
}

/// Decodes a row of `save_session`.
fn saved(row: &PgRow) -> Reply {
    match row.get("outcome") {
        "saved" => Reply::Saved {
            version: row.get("version"),
            expires_at: row.get("expires_at"),
        },
        "same" => Reply::Same {
            version: row.get("version"),
            expires_at: row.get("expires_at"),
        },
        "conflict" => Reply::Conflict {
            version: row.get("version"),
            expires_at: row.get("expires_at"),
        },
        outcome => {
            assert_eq!(outcome, "gone");
            assert_eq!(row.get::<_, Option<i64>>("version"), None);
            assert_eq!(row.get::<_, Option<Micros>>("expires_at"), None);
            Reply::Gone
        }
    }
}

/// Calls the function of a request.
fn call_function(
    client: &mut impl GenericClient,
    request: &Request,
) -> Result<Reply, postgres::Error> {
    let one = |rows: Vec<PgRow>, reply: &dyn Fn(PgRow) -> Reply| {
        assert!(rows.len() <= 1, "{request:?} returned {} rows", rows.len());
        rows.into_iter().next().map_or(Reply::Nothing, reply)
    };
    Ok(match request {
        Request::Create {
            session,
            data,
            idle_timeout_seconds,
            absolute_timeout_seconds,
            user_id,
        } => {
            let row = client.query_one(
                "select * from web.create_session($1, $2, $3, $4, $5)",
                &[
                    &key_of_session(*session),
                    data,
                    idle_timeout_seconds,
                    absolute_timeout_seconds,
                    user_id,
                ],
            )?;
            created(&row)
        }
        Request::Load { session, slide } => {
            let key = key_of_session(*session);
            match load_in_group(client, &key, *slide)? {
                Some(row) => loaded(&row),
                None => one(
                    client.query("select * from web.load_session($1, $2)", &[&key, slide])?,
                    &|row| loaded(&row),
                ),
            }
        }
        Request::Save {
            session,
            data,
            version,
        } => {
            let key = key_of_session(*session);
            if let Some(row) = save_in_group(client, &key, data, *version)? {
                Reply::Saved {
                    version: row.get("version"),
                    expires_at: row.get("expires_at"),
                }
            } else {
                let row = client.query_one(
                    "select * from web.save_session($1, $2, $3)",
                    &[&key, data, version],
                )?;
                saved(&row)
            }
        }
        Request::Touch { session } => client
            .query_one("select web.touch_session($1)", &[&key_of_session(*session)])?
            .get::<_, Option<Micros>>(0)
            .map_or(Reply::Nothing, Reply::Touched),
        Request::End { session } => Reply::Ended(
            client
                .query_one("select web.end_session($1)", &[&key_of_session(*session)])?
                .get(0),
        ),
        Request::Prune { max_rows } => {
            let row = client.query_one("select * from web.prune_sessions($1)", &[max_rows])?;
            assert_eq!(row.get::<_, &str>("outcome"), "pruned");
            let number = |column| usize::try_from(row.get::<_, i32>(column)).unwrap();
            Reply::Pruned {
                deleted: number("deleted"),
                rescheduled: number("rescheduled"),
            }
        }
        Request::Set {
            session,
            data,
            expire,
        } => {
            client.query_one(
                "select web.set_session_data($1, $2, $3)",
                &[&id_of(*session), data, &expire.map(Micros::to_parameter)],
            )?;
            Reply::Done
        }
        Request::Get { session } => one(
            client.query("select web.get_session_data($1)", &[&id_of(*session)])?,
            &|row| Reply::Got(row.get(0)),
        ),
        Request::Destroy { session } => {
            client.query_one("select web.destroy_session($1)", &[&id_of(*session)])?;
            Reply::Done
        }
        Request::Count => {
            Reply::Counted(client.query_one("select web.count_sessions()", &[])?.get(0))
        }
        Request::Clear => {
            client.query_one("select web.clear_sessions()", &[])?;
            Reply::Done
        }
    })
}

struct World {
    superuser: Client,
    clients: Vec<Client>,
    store: RawStore,
}

impl World {
    fn new() -> Self {
        let store = RawStore::new();
        Self {
            superuser: store.superuser(),
            clients: (0..CONNECTIONS).map(|_| store.nodepg()).collect(),
            store,
        }
    }

    fn reset(&mut self, settings: &Settings) {
        for client in &mut self.clients {
            // After a failure a transaction may be open, or the connection may be closed.
            if client.is_closed() || client.batch_execute("rollback").is_err() {
                *client = self.store.nodepg();
            }
        }
        self.superuser
            .batch_execute(&format!(
                "truncate web.session;
                update web.prune_state
                set resume_from = default, last_pruned_at = default;
                update web.settings
                set idle_timeout_seconds = {}, absolute_timeout_seconds = {}, tombstone_retention_seconds = {},
                    slide_percent = {}, slide_min_seconds = {}, slide_max_seconds = {}",
                settings.idle_timeout_seconds,
                settings.absolute_timeout_seconds,
                settings.tombstone_retention_seconds,
                settings.slide_percent,
                settings.slide_min_seconds,
                settings.slide_max_seconds,
            ))
            .unwrap();
    }

    fn clock(&mut self) -> Micros {
        self.superuser
            .query_one("select clock_timestamp()", &[])
            .unwrap()
            .get(0)
    }

    /// Reads the tables.
    fn read(&mut self) -> Model {
        let rows = self
            .superuser
            .query(
                "select s.*, s.client_address::text as address from web.session as s",
                &[],
            )
            .unwrap();
        let resume_from: Micros = self
            .superuser
            .query_one("select resume_from from web.prune_state", &[])
            .unwrap()
            .get(0);
        let rows = rows.iter().map(|row| {
            let key: Vec<u8> = row.get("key");
            let session = (0..SESSIONS)
                .find(|session| key_of_session(*session) == key)
                .expect("an unknown key in the table");
            let row = Row {
                expires_at: row.get("expires_at"),
                slide_at: row.get("slide_at"),
                last_used_at: row.get("last_used_at"),
                version: row.get("version"),
                created_at: row.get("created_at"),
                absolute_expires_at: row.get("absolute_expires_at"),
                prune_after: row.get("prune_after"),
                ended_at: row.get("ended_at"),
                idle_timeout_seconds: row.get("idle_timeout_seconds"),
                slide_interval_seconds: row.get("slide_interval_seconds"),
                user_id: row.get("user_id"),
                data: row.get("data"),
            };
            (session, row)
        });
        Model {
            rows: rows.collect(),
            resume_from: (resume_from != Micros::MINUS_INFINITY).then_some(resume_from),
        }
    }

    fn pass(&mut self, seconds: i64) {
        self.superuser
            .batch_execute(&format!(
                "update web.session
                set
                    expires_at = expires_at - d.duration,
                    slide_at = slide_at - d.duration,
                    last_used_at = last_used_at - d.duration,
                    created_at = created_at - d.duration,
                    absolute_expires_at = absolute_expires_at - d.duration,
                    prune_after = prune_after - d.duration,
                    ended_at = ended_at - d.duration
                from (select make_interval(secs => {seconds})) as d (duration);
                update web.prune_state
                set
                    resume_from = resume_from - d.duration,
                    last_pruned_at = last_pruned_at - d.duration
                from (select make_interval(secs => {seconds})) as d (duration)"
            ))
            .unwrap();
    }

    fn prolong(&mut self, session: u8, seconds: i64) {
        self.superuser
            .execute(
                &format!(
                    "update web.session
                    set expires_at = least(expires_at + make_interval(secs => {seconds}), absolute_expires_at)
                    where key = $1 and ended_at is null"
                ),
                &[&key_of_session(session)],
            )
            .unwrap();
    }

    fn call(
        &mut self,
        connection: usize,
        way: Way,
        request: &Request,
    ) -> Result<Reply, postgres::Error> {
        let client = &mut self.clients[connection];
        let result = match way {
            Way::Autocommit => call_function(client, request),
            Way::Committed | Way::RolledBack | Way::RepeatableRead | Way::ReadOnly => {
                let isolation = if matches!(way, Way::RepeatableRead) {
                    IsolationLevel::RepeatableRead
                } else {
                    IsolationLevel::ReadCommitted
                };
                let mut transaction = client
                    .build_transaction()
                    .isolation_level(isolation)
                    .read_only(matches!(way, Way::ReadOnly))
                    .start()?;
                let result = call_function(&mut transaction, request);
                if matches!(way, Way::RolledBack) || result.is_err() {
                    transaction.rollback()?;
                } else {
                    transaction.commit()?;
                }
                result
            }
        };
        result.or_else(|e| Ok(Reply::Refused(code_of(&e))))
    }
}

// ── The comparison ───────────────────────────────────────────────────────────────────────────────────────────────

/// One run of events.
struct Run<'a> {
    world: &'a mut World,
    settings: &'a Settings,
    model: Model,
    /// The sessions that were ended and whose tombstones are not pruned yet.
    ended: BTreeSet<u8>,
}

impl Run<'_> {
    fn apply(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Pass(seconds) => {
                self.world.pass(*seconds);
                self.model.age(seconds * 1_000_000);
                self.compare()
            }
            Event::Prolong { session, seconds } => {
                self.world.prolong(*session, *seconds);
                self.model.prolong(*session, *seconds);
                self.compare()
            }
            Event::Call {
                connection,
                way,
                call,
            } => {
                let request = call.request(&self.model, self.world.clock());
                self.call(*connection, *way, &request).map(drop)
            }
            Event::PruneAll(max_rows) => {
                let start = self.world.clock();
                for _ in 0..=2 * SESSIONS {
                    let request = Request::Prune {
                        max_rows: *max_rows,
                    };
                    let Reply::Pruned {
                        deleted,
                        rescheduled,
                    } = self.call(0, Way::Autocommit, &request)?
                    else {
                        return Err("prune was refused".to_owned());
                    };
                    if deleted + rescheduled < usize::try_from(*max_rows).unwrap() {
                        let due = |row: &Row| row.prune_after <= start;
                        return match self.model.rows.values().find(|row| due(row)) {
                            Some(row) => Err(format!("still due after all batches: {row:?}")),
                            None => Ok(()),
                        };
                    }
                }
                Err("pruning does not end".to_owned())
            }
        }
    }

    fn call(&mut self, connection: usize, way: Way, request: &Request) -> Result<Reply, String> {
        let before = self.world.clock();
        let reply = self
            .world
            .call(connection, way, request)
            .map_err(|e| format!("{request:?} failed: {e:?}"))?;
        let after = self.world.clock();
        let actual = self.world.read();

        // The time of the statement is between the two, and it is exact wherever the statement stored it.
        let mut times: BTreeSet<i64> = [before.0, after.0].into();
        if let Reply::Saved { expires_at, .. }
        | Reply::Same { expires_at, .. }
        | Reply::Created { expires_at, .. }
        | Reply::Loaded { expires_at, .. }
        | Reply::Touched(expires_at) = reply
        {
            times.extend(
                self.timeouts_of(request)
                    .iter()
                    .map(|timeout| expires_at.plus_seconds(-i64::from(*timeout)).0),
            );
        }
        for row in actual.rows.values() {
            times.extend(
                [row.last_used_at, row.created_at]
                    .into_iter()
                    .chain(row.ended_at)
                    .map(|time| time.0),
            );
        }
        let reasons: Vec<String> = times
            .range(before.0..=after.0)
            .filter_map(|now| {
                self.explain(request, way, &reply, &actual, Micros(*now))
                    .err()
            })
            .collect();
        if reasons.len() == times.range(before.0..=after.0).count() {
            return Err(format!(
                "{request:?} ({way:?}) returned {reply:?}, between {before:?} and {after:?}\n  of {:?}\n  {}",
                self.model,
                reasons.join("\n  or ")
            ));
        }

        self.check_ends(request, way, &reply, &actual)?;
        self.check_rows(&actual)?;
        self.model = actual;
        Ok(reply)
    }

    /// Returns the timeouts from which an expiry may be computed.
    fn timeouts_of(&self, request: &Request) -> Vec<i32> {
        let mut timeouts = vec![
            self.settings.idle_timeout_seconds,
            self.settings.absolute_timeout_seconds,
        ];
        timeouts.extend(self.model.rows.values().map(|row| row.idle_timeout_seconds));
        if let Request::Create {
            idle_timeout_seconds,
            absolute_timeout_seconds,
            ..
        } = request
        {
            timeouts.extend(idle_timeout_seconds.iter().chain(absolute_timeout_seconds));
        }
        timeouts
    }

    /// Checks whether the model returns the same at this time.
    fn explain(
        &self,
        request: &Request,
        way: Way,
        reply: &Reply,
        actual: &Model,
        now: Micros,
    ) -> Result<(), String> {
        let mut model = self.model.clone();
        let (expected, pruning) = if matches!(way, Way::RepeatableRead)
            && matches!(
                request,
                Request::Create {
                    user_id: Some(_),
                    ..
                }
            )
            && !request.has_too_long_timeout()
        {
            // The sessions of a user are counted in read committed only.
            (Reply::Refused("25000".to_owned()), Pruning::None)
        } else {
            model.reply(request, self.settings, now, matches!(way, Way::ReadOnly))
        };
        let (deleted, rescheduled) = if matches!(way, Way::RolledBack) {
            // The reply was right at its time, and the rows are as before.
            model.resume_from = self.model.resume_from;
            self.model
                .explain_pruning(actual, Pruning::None, self.settings, now)?;
            match reply {
                Reply::Pruned {
                    deleted,
                    rescheduled,
                } => (*deleted, *rescheduled),
                _ => (0, 0),
            }
        } else {
            model.explain_pruning(actual, pruning, self.settings, now)?
        };
        let expected = match expected {
            Reply::Pruned { .. } => Reply::Pruned {
                deleted,
                rescheduled,
            },
            other => other,
        };
        if expected == *reply {
            Ok(())
        } else {
            Err(format!("at {now:?} the reply should be {expected:?}"))
        }
    }

    /// Checks the most important promise without the model: what has ended stays ended.
    fn check_ends(
        &mut self,
        request: &Request,
        way: Way,
        reply: &Reply,
        actual: &Model,
    ) -> Result<(), String> {
        let (Request::Create { session, .. }
        | Request::Load { session, .. }
        | Request::Save { session, .. }
        | Request::Touch { session }
        | Request::End { session }
        | Request::Set { session, .. }
        | Request::Get { session }
        | Request::Destroy { session }) = request
        else {
            self.ended
                .retain(|session| actual.rows.contains_key(session));
            return Ok(());
        };
        let shows_live_session = match reply {
            Reply::Created { .. }
            | Reply::Loaded { .. }
            | Reply::Saved { .. }
            | Reply::Same { .. }
            | Reply::Conflict { .. }
            | Reply::Touched(_)
            | Reply::Ended(true)
            | Reply::Got(_) => true,
            Reply::Exists
            | Reply::Nothing
            | Reply::Gone
            | Reply::Ended(false)
            | Reply::Pruned { .. }
            | Reply::Counted(_)
            | Reply::Done
            | Reply::Refused(_) => false,
        };
        if shows_live_session && self.ended.contains(session) {
            return Err(format!(
                "{request:?} returned {reply:?} for a session that had ended"
            ));
        }
        if matches!(request, Request::End { .. } | Request::Destroy { .. })
            && !matches!(way, Way::RolledBack | Way::ReadOnly)
        {
            self.ended.insert(*session);
        }
        self.ended
            .retain(|session| actual.rows.contains_key(session));
        Ok(())
    }

    /// Compares the tables with the model after an event that called no function.
    fn compare(&mut self) -> Result<(), String> {
        let stored = self.world.read();
        if stored != self.model {
            return Err(format!(
                "the tables hold {stored:?} and not {:?}",
                self.model
            ));
        }
        self.check_rows(&stored)
    }

    /// Checks what holds for every row at every time.
    fn check_rows(&self, stored: &Model) -> Result<(), String> {
        for (session, row) in &stored.rows {
            let is_right = if row.ended_at.is_some() {
                row.expires_at == Micros::MINUS_INFINITY
                    && row.slide_at == Micros::MINUS_INFINITY
                    && row.data.is_none()
            } else {
                row.slide_at <= row.expires_at
                    && row.expires_at <= row.absolute_expires_at
                    && row.created_at <= row.last_used_at
                    && row.slide_interval_seconds <= row.idle_timeout_seconds / 2
            };
            if !is_right
                || row.version < 1
                || self.ended.contains(session) != row.ended_at.is_some()
            {
                return Err(format!("session {session} is inconsistent: {row:?}"));
            }
        }
        Ok(())
    }
}

/// Applies the events, each with the next of these groupings.
fn run(
    world: &mut World,
    settings: &Settings,
    events: &[Event],
    groupings: &[Grouping],
) -> Result<(), String> {
    world.reset(settings);
    let mut run = Run {
        world,
        settings,
        model: Model::default(),
        ended: BTreeSet::new(),
    };
    let groupings = groupings.iter().cycle();
    for ((number, event), grouping) in events.iter().enumerate().zip(groupings) {
        grouping
            .scope(|| run.apply(event))
            .map_err(|e| format!("event {number}: {e}"))?;
    }
    Ok(())
}

#[test]
fn random_operations_match_model() {
    let world = RefCell::new(World::new());
    let cases = env::var("PROPTEST_CASES").map_or(64, |cases| {
        cases.parse().expect("PROPTEST_CASES is no number")
    });
    let mut runner = TestRunner::new(Config {
        cases,
        max_shrink_iters: 1_500,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        source_file: Some(file!()),
        ..Config::default()
    });
    // The last, so that the seeds of earlier failures have the same settings and events.
    let groupings = vec(prop::sample::select(&Grouping::ALL), 1..4);
    let strategy = (settings(), vec(event(), 1..60), groupings);
    let result = runner.run(&strategy, |(settings, events, groupings)| {
        let mut world = world.borrow_mut();
        run(&mut world, &settings, &events, &groupings).map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, (settings, events, groupings))) => {
            let listed: Vec<String> = events.iter().map(|event| format!("{event:?}")).collect();
            panic!(
                "{reason}\nwith {settings:?}\n{groupings:?}\nand\n  {}",
                listed.join("\n  ")
            );
        }
        Err(e @ TestError::Abort(_)) => panic!("{e}"),
    }
}
