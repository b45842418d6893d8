//! Threads that call a store and remember what was acknowledged, while a fault happens.
//!
//! Each thread has sessions of its own, so it knows the only state that each may have. After an error with an unknown outcome
//! either state is right, and the thread finds out which it is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use connect_pg::{Error, RotateOutcome, SaveOutcome, Session, SessionId};
use postgres::Client as Superuser;

use super::clients::Client;
use crate::support::wait::wait_until;

/// Sessions of one thread.
const MAX_LIVE: usize = 24;
/// Ended sessions that a thread tries to use again after a fault. The superuser looks for all.
const TRIED_AGAIN: usize = 20;
/// Not to keep a processor busy while the server is away.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(2);

/// What a load has found.
#[derive(Default)]
pub struct Report {
    /// The changes that were acknowledged, by their kind.
    pub changes: BTreeMap<&'static str, u64>,
    /// The calls whose error says that the outcome is unknown.
    pub unknown: u64,
    /// The errors of calls during a fault, by SQLSTATE.
    pub errors: BTreeMap<String, u64>,
    /// Acknowledged changes that are lost.
    pub lost: BTreeSet<String>,
    /// Ended sessions that are live.
    pub back: BTreeSet<String>,
    /// Calls that failed without a fault, or whose error is not that of an outage.
    pub failed: Vec<String>,
}

impl Report {
    pub fn acknowledged(&self) -> u64 {
        self.changes.values().sum()
    }

    /// Fails the test if anything is lost or failed, or nothing was tried.
    #[track_caller]
    pub fn assert_nothing_lost(&self) {
        self.assert_ended_stay_ended();
        assert!(self.lost.is_empty(), "lost: {:#?}", self.lost);
    }

    /// Fails the test if an ended session is live again or a call failed, or nothing was tried.
    #[track_caller]
    pub fn assert_ended_stay_ended(&self) {
        assert!(self.failed.is_empty(), "failed: {:#?}", self.failed);
        assert!(self.back.is_empty(), "live again: {:#?}", self.back);
        for change in ["create", "save", "lock", "end", "rotation", "login"] {
            assert!(self.changes.contains_key(change), "no {change}");
        }
    }
}

/// A load under way.
pub struct Load {
    report: Mutex<Report>,
    /// Even without a fault, odd during one. Each fault has numbers of its own.
    epoch: AtomicU64,
    is_over: AtomicBool,
    acknowledged: AtomicU64,
    /// The ids of ended sessions.
    ended: Mutex<Vec<String>>,
    /// For each thread, the last epoch in which it has checked its sessions.
    checked: Vec<AtomicU64>,
    /// Whether to tell on standard output what is known, for a process that is killed.
    tells: bool,
}

/// Ends the threads, also if the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs a thread for each client while `control` makes the faults. Returns what the threads have found.
pub fn run(clients: &[&dyn Client], tells: bool, control: impl FnOnce(&Load)) -> Report {
    let load = Load {
        report: Mutex::default(),
        epoch: AtomicU64::new(2),
        is_over: AtomicBool::new(false),
        acknowledged: AtomicU64::new(0),
        ended: Mutex::default(),
        checked: clients.iter().map(|_| AtomicU64::new(0)).collect(),
        tells,
    };
    thread::scope(|scope| {
        for (number, &client) in clients.iter().enumerate() {
            let load = &load;
            scope.spawn(move || {
                let _over = Over(&load.is_over);
                Worker::new(load, client, number).run();
            });
        }
        let _over = Over(&load.is_over);
        control(&load);
    });
    load.report
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
}

impl Load {
    /// Waits until so many more changes were acknowledged, and each thread has checked its sessions since the last fault.
    #[track_caller]
    pub fn wait_for_changes(&self, changes: u64) {
        let before = self.acknowledged.load(Ordering::SeqCst);
        wait_until("changes are acknowledged", || {
            self.assert_running();
            self.acknowledged.load(Ordering::SeqCst) >= before + changes
        });
    }

    /// Makes a fault, which is over when `make` returns. Then waits until each thread has checked its sessions.
    pub fn fault(&self, make: impl FnOnce()) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        make();
        let epoch = self.epoch.fetch_add(1, Ordering::SeqCst) + 1;
        wait_until("each thread has checked its sessions", || {
            self.assert_running();
            let mut checked = self.checked.iter();
            checked.all(|checked| checked.load(Ordering::SeqCst) == epoch)
        });
    }

    /// Looks for ended sessions that are live.
    pub fn look_for_ended(&self, superuser: &mut Superuser) {
        let ended = lock(&self.ended).clone();
        let rows = superuser.query(
            "select e.id from unnest($1::text[]) as e(id) join web.session as s on s.key = sha256(convert_to(e.id, 'UTF8'))
             where s.ended_at is null and s.expires_at > now()",
            &[&ended],
        );
        for row in rows.unwrap() {
            lock(&self.report).back.insert(row.get(0));
        }
    }

    /// Waits until calls have failed, as many as there are threads, so that the clients have noticed the fault.
    #[track_caller]
    pub fn wait_for_errors(&self) {
        let errors = || lock(&self.report).errors.values().sum::<u64>();
        let enough = errors() + self.checked.len() as u64;
        wait_until("calls fail", || {
            self.assert_running();
            errors() >= enough
        });
    }

    /// Waits until a call has failed with this SQLSTATE.
    #[track_caller]
    pub fn wait_for_error(&self, code: &str) {
        wait_until("a call fails", || {
            self.assert_running();
            lock(&self.report).errors.contains_key(code)
        });
    }

    /// Returns when the load is over, which only a failure or the end of the process is.
    pub fn wait_for_end(&self) {
        while !self.is_over.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    fn assert_running(&self) {
        assert!(
            !self.is_over.load(Ordering::SeqCst),
            "a thread of the load has ended"
        );
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Outcome<T> {
    Done(T),
    /// An error that says that nothing was changed.
    Unchanged,
    Unknown,
}

struct Worker<'a> {
    load: &'a Load,
    client: &'a dyn Client,
    number: usize,
    live: Vec<Session<i32>>,
    ended: Vec<Session<i32>>,
    /// Data that no session has had.
    next: i32,
    random: u64,
}

impl<'a> Worker<'a> {
    fn new(load: &'a Load, client: &'a dyn Client, number: usize) -> Self {
        Worker {
            load,
            client,
            number,
            live: Vec::new(),
            ended: Vec::new(),
            next: 0,
            random: getrandom::u64().unwrap() | 1,
        }
    }

    fn run(&mut self) {
        while !self.load.is_over.load(Ordering::SeqCst) {
            let epoch = self.load.epoch.load(Ordering::SeqCst);
            let checked = &self.load.checked[self.number];
            if epoch % 2 == 0 && checked.load(Ordering::SeqCst) != epoch {
                self.check();
                checked.store(epoch, Ordering::SeqCst);
            }
            self.turn();
        }
    }

    /// Makes one call.
    fn turn(&mut self) {
        self.next += 1;
        let choice = self.random(100);
        if self.live.is_empty() || (choice < 20 && self.live.len() < MAX_LIVE) {
            return self.create();
        }
        let index = self.random(self.live.len());
        match choice {
            0..40 => self.save(index),
            40..55 => self.change_locked(index),
            55..70 => self.look(index),
            70..80 => self.end(index),
            80..90 => self.change_id(index, "rotation", |client, session| client.rotate(session)),
            _ => self.change_id(index, "login", |client, session| {
                client.login(session, "ada")
            }),
        }
    }

    fn random(&mut self, below: usize) -> usize {
        // Xorshift.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % below as u64).unwrap()
    }

    fn create(&mut self) {
        let data = self.next;
        // If the outcome is unknown, the id is too.
        if let Outcome::Done(session) = self.call("create", |client| client.create(data)) {
            self.acknowledge("create");
            self.tell(session.id(), &[data], false);
            self.live.push(session);
        }
    }

    fn save(&mut self, index: usize) {
        let mut session = self.live[index].clone();
        session.data = self.next;
        let possible = [self.live[index].data, session.data];
        self.tell(session.id(), &possible, false);
        match self.call("save", |client| client.save(&mut session)) {
            Outcome::Done(SaveOutcome::Saved) => {
                self.acknowledge("save");
                self.tell(session.id(), &possible[1..], false);
                self.live[index] = session;
            }
            Outcome::Done(other) => {
                self.lose(session.id(), &format!("a save returned {other:?}"));
                self.find_out(index, &possible, false);
            }
            Outcome::Unchanged => {}
            Outcome::Unknown => self.find_out(index, &possible, false),
        }
    }

    fn change_locked(&mut self, index: usize) {
        let (id, data) = (self.live[index].id().clone(), self.next);
        let possible = [self.live[index].data, data];
        self.tell(&id, &possible, false);
        match self.call("lock", |client| client.change_locked(&id, data)) {
            Outcome::Done(is_live) => {
                if is_live {
                    self.acknowledge("lock");
                    self.tell(&id, &possible[1..], false);
                }
                // For its version.
                self.find_out(index, &possible[usize::from(is_live)..], false);
            }
            Outcome::Unchanged => {}
            Outcome::Unknown => self.find_out(index, &possible, false),
        }
    }

    fn look(&mut self, index: usize) {
        let (id, data) = (self.live[index].id().clone(), self.live[index].data);
        if let Outcome::Done(found) = self.call("load", |client| client.load(&id)) {
            self.compare(index, found, &[data], false);
        }
    }

    fn end(&mut self, index: usize) {
        let (id, data) = (self.live[index].id().clone(), self.live[index].data);
        self.tell(&id, &[data], true);
        match self.call("end", |client| client.end(&id)) {
            // A repeated call may have found that the first one had ended the session.
            Outcome::Done(_) => {
                self.acknowledge("end");
                self.has_ended(index);
            }
            Outcome::Unchanged => {}
            Outcome::Unknown => self.find_out(index, &[data], true),
        }
    }

    fn change_id(
        &mut self,
        index: usize,
        change: &'static str,
        call: impl Fn(&dyn Client, &mut Session<i32>) -> Result<RotateOutcome, Error>,
    ) {
        let mut session = self.live[index].clone();
        let (old, data) = (session.id().clone(), session.data);
        self.tell(&old, &[data], true);
        match self.call(change, |client| call(client, &mut session)) {
            Outcome::Done(RotateOutcome::Rotated) => {
                self.acknowledge(change);
                self.tell(session.id(), &[data], false);
                self.has_ended(index);
                self.live.push(session);
            }
            Outcome::Done(RotateOutcome::Gone) => {
                self.lose(&old, &format!("a {change} found no session"));
                self.find_out(index, &[data], false);
            }
            Outcome::Unchanged => {}
            // If it is gone, its new id is unknown.
            Outcome::Unknown => self.find_out(index, &[data], true),
        }
    }

    /// Calls, and counts errors.
    fn call<T>(
        &self,
        name: &str,
        call: impl FnOnce(&dyn Client) -> Result<T, Error>,
    ) -> Outcome<T> {
        let epoch = self.load.epoch.load(Ordering::SeqCst);
        let error = match call(self.client) {
            Ok(value) => return Outcome::Done(value),
            Err(error) => error,
        };
        let in_fault = epoch % 2 == 1 || self.load.epoch.load(Ordering::SeqCst) != epoch;
        {
            let mut report = lock(&self.load.report);
            if !in_fault || !error.is_unavailable() {
                let when = if in_fault { "during" } else { "after" };
                report
                    .failed
                    .push(format!("{name} {when} the fault of epoch {epoch}: {error}"));
            }
            let code = error.code().unwrap_or("no reply").to_owned();
            *report.errors.entry(code).or_default() += 1;
            report.unknown += u64::from(error.is_outcome_unknown());
        }
        thread::sleep(PAUSE_AFTER_ERROR);
        if error.is_outcome_unknown() {
            Outcome::Unknown
        } else {
            Outcome::Unchanged
        }
    }

    /// Loads a session until that succeeds, and compares.
    fn find_out(&mut self, index: usize, possible: &[i32], may_be_gone: bool) {
        let id = self.live[index].id().clone();
        while !self.load.is_over.load(Ordering::SeqCst) {
            if let Outcome::Done(found) = self.call("load", |client| client.load(&id)) {
                return self.compare(index, found, possible, may_be_gone);
            }
        }
    }

    /// Compares a session with what it may be, and continues with what it is.
    fn compare(
        &mut self,
        index: usize,
        found: Option<Session<i32>>,
        possible: &[i32],
        may_be_gone: bool,
    ) {
        let Some(session) = found else {
            if !may_be_gone {
                let id = self.live[index].id().clone();
                self.lose(&id, "it is gone");
            }
            return self.has_ended(index);
        };
        if !possible.contains(&session.data) {
            let data = session.data;
            self.lose(session.id(), &format!("{data} instead of {possible:?}"));
        }
        self.tell(session.id(), &[session.data], false);
        self.live[index] = session;
    }

    fn has_ended(&mut self, index: usize) {
        let session = self.live.swap_remove(index);
        self.tell(session.id(), &[], true);
        lock(&self.load.ended).push(session.id().as_cookie_value().to_owned());
        self.ended.push(session);
    }

    /// Compares all live sessions, and tries to use ended ones.
    fn check(&mut self) {
        for index in (0..self.live.len()).rev() {
            self.look(index);
        }
        let start = self.ended.len().saturating_sub(TRIED_AGAIN);
        for mut session in self.ended[start..].iter().cloned() {
            let loaded = self.call("load", |client| client.load(session.id()));
            let saved = self.call("save", |client| client.save(&mut session));
            if matches!(loaded, Outcome::Done(Some(_)))
                || matches!(saved, Outcome::Done(SaveOutcome::Saved))
            {
                let id = session.id().as_cookie_value().to_owned();
                lock(&self.load.report).back.insert(id);
            }
        }
    }

    fn acknowledge(&self, change: &'static str) {
        self.write(&format!("acknowledged {change}\n"));
        *lock(&self.load.report).changes.entry(change).or_default() += 1;
        self.load.acknowledged.fetch_add(1, Ordering::SeqCst);
    }

    fn lose(&self, id: &SessionId, what: &str) {
        let text = format!("{}: {what}", id.as_cookie_value());
        lock(&self.load.report).lost.insert(text);
    }

    /// Tells what a session may be: its data, and whether it may be gone.
    fn tell(&self, id: &SessionId, possible: &[i32], may_be_gone: bool) {
        let data: Vec<_> = possible.iter().map(ToString::to_string).collect();
        self.write(&format!(
            "session {} {may_be_gone} {}\n",
            id.as_cookie_value(),
            data.join(",")
        ));
    }

    /// Writes a line, at once and whole, so that the lines of two threads do not mix. The test harness does not capture it.
    fn write(&self, line: &str) {
        if self.load.tells {
            std::io::stdout().write_all(line.as_bytes()).unwrap();
        }
    }
}
