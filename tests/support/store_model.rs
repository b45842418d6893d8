//! A model of the session store, in memory, without locks and plans.
//!
//! The time is an argument, because the caller knows only that the statement ran between two times. All else is exact, to the
//! microsecond.

use std::collections::BTreeMap;

use crate::support::raw_store::Micros;

/// The default of the setting `max_timeout_seconds`.
const MAX_TIMEOUT_SECONDS: i32 = 34_560_000;

/// One row of the table, a live session or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub expires_at: Micros,
    pub slide_at: Micros,
    pub last_used_at: Micros,
    pub version: i64,
    pub created_at: Micros,
    pub absolute_expires_at: Micros,
    pub prune_after: Micros,
    pub ended_at: Option<Micros>,
    pub idle_timeout_seconds: i32,
    pub slide_interval_seconds: i32,
    pub user_id: Option<String>,
    pub data: Option<String>,
}

impl Row {
    pub fn is_live(&self, now: Micros) -> bool {
        self.expires_at > now
    }

    /// Returns the time until which pruning must keep the row.
    pub fn keep_until(&self, settings: &Settings) -> Micros {
        self.ended_at.map_or(self.expires_at, |ended_at| {
            ended_at.plus_seconds(settings.tombstone_retention_seconds.into())
        })
    }

    fn use_now(&mut self, now: Micros) {
        let idle = now.plus_seconds(self.idle_timeout_seconds.into());
        let reach = self.expires_at.max(idle);
        self.expires_at = reach.min(self.absolute_expires_at);
        self.slide_at = now
            .plus_seconds(self.slide_interval_seconds.into())
            .min(reach)
            .min(self.absolute_expires_at);
        self.last_used_at = now;
    }

    fn slide_if_due(&mut self, now: Micros) {
        if self.slide_at <= now {
            self.use_now(now);
        }
    }

    fn end(&mut self, settings: &Settings, now: Micros) {
        self.expires_at = Micros::MINUS_INFINITY;
        self.slide_at = Micros::MINUS_INFINITY;
        self.version += 1;
        self.ended_at = Some(now);
        self.prune_after = self.prune_after.min(self.keep_until(settings));
        self.data = None;
    }
}

/// The settings that change what the functions do.
#[derive(Clone, Debug)]
pub struct Settings {
    pub idle_timeout_seconds: i32,
    pub absolute_timeout_seconds: i32,
    pub tombstone_retention_seconds: i32,
    pub slide_percent: i32,
    pub slide_min_seconds: i32,
    pub slide_max_seconds: i32,
}

impl Settings {
    fn slide_interval_seconds(&self, idle_timeout_seconds: i32) -> i32 {
        let share = i64::from(idle_timeout_seconds) * i64::from(self.slide_percent) / 100;
        i32::try_from(share)
            .unwrap()
            .max(self.slide_min_seconds)
            .min(self.slide_max_seconds)
            .min(idle_timeout_seconds / 2)
    }
}

/// A call of a function. Sessions are small numbers.
#[derive(Clone, Debug)]
pub enum Request {
    Create {
        session: u8,
        data: String,
        idle_timeout_seconds: Option<i32>,
        absolute_timeout_seconds: Option<i32>,
        user_id: Option<String>,
    },
    Load {
        session: u8,
        slide: bool,
    },
    Save {
        session: u8,
        data: String,
        version: Option<i64>,
    },
    Touch {
        session: u8,
    },
    End {
        session: u8,
    },
    Prune {
        max_rows: i32,
    },
    Set {
        session: u8,
        data: Option<String>,
        expire: Option<Micros>,
    },
    Get {
        session: u8,
    },
    Destroy {
        session: u8,
    },
    Count,
    Clear,
}

impl Request {
    /// Returns true if `create_session` refuses it before everything else.
    pub fn has_too_long_timeout(&self) -> bool {
        matches!(
            self,
            Request::Create { idle_timeout_seconds, absolute_timeout_seconds, .. }
                if *idle_timeout_seconds.max(absolute_timeout_seconds) > Some(MAX_TIMEOUT_SECONDS)
        )
    }

    fn writes(&self) -> bool {
        !matches!(
            self,
            Self::Load { .. } | Self::Touch { .. } | Self::Get { .. } | Self::Count
        )
    }
}

/// What a function returns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    Created {
        version: i64,
        expires_at: Micros,
    },
    Exists,
    Loaded {
        data: String,
        version: i64,
        expires_at: Micros,
        user_id: Option<String>,
    },
    Nothing,
    Saved {
        version: i64,
        expires_at: Micros,
    },
    Same {
        version: i64,
        expires_at: Micros,
    },
    Conflict {
        version: i64,
        expires_at: Micros,
    },
    Gone,
    Touched(Micros),
    Ended(bool),
    Pruned {
        deleted: usize,
        rescheduled: usize,
    },
    Got(Option<String>),
    Counted(i32),
    Done,
    Refused(String),
}

/// Which rows a request may prune besides its own row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pruning {
    None,
    /// A new row prunes up to so many rows of random pages, perhaps none.
    Pages(usize),
    /// A batch of all rows that are due, up to the limit.
    Batch(usize),
}

/// The whole store.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Model {
    pub rows: BTreeMap<u8, Row>,
    /// Where an unfinished prune resumes.
    pub resume_from: Option<Micros>,
}

impl Model {
    /// Applies a request at the time `now`. Other rows that it prunes are left to `explain_pruning`.
    pub fn reply(
        &mut self,
        request: &Request,
        settings: &Settings,
        now: Micros,
        read_only: bool,
    ) -> (Reply, Pruning) {
        if request.has_too_long_timeout() {
            return (Reply::Refused("22023".to_owned()), Pruning::None);
        }
        if read_only && request.writes() {
            // For a session of a user, create_session reads the key before it writes.
            if let Request::Create {
                session,
                user_id: Some(_),
                ..
            } = request
                && self.rows.contains_key(session)
            {
                return (Reply::Exists, Pruning::None);
            }
            return (Reply::Refused("25006".to_owned()), Pruning::None);
        }
        match request {
            Request::Create {
                session,
                data,
                idle_timeout_seconds,
                absolute_timeout_seconds,
                user_id,
            } => {
                let timeouts = (*idle_timeout_seconds, *absolute_timeout_seconds);
                self.create(*session, data, timeouts, user_id.as_deref(), settings, now)
            }
            Request::Load { session, slide } => {
                let Some(row) = self.live(*session, now) else {
                    return (Reply::Nothing, Pruning::None);
                };
                if *slide && !read_only {
                    row.slide_if_due(now);
                }
                let reply = Reply::Loaded {
                    data: row.data.clone().unwrap_or_else(|| "null".to_owned()),
                    version: row.version,
                    expires_at: row.expires_at,
                    user_id: row.user_id.clone(),
                };
                (reply, Pruning::None)
            }
            Request::Save {
                session,
                data,
                version,
            } => (self.save(*session, data, *version, now), Pruning::None),
            Request::Touch { session } => {
                let Some(row) = self.live(*session, now) else {
                    return (Reply::Nothing, Pruning::None);
                };
                if !read_only {
                    row.slide_if_due(now);
                }
                (Reply::Touched(row.expires_at), Pruning::None)
            }
            Request::End { session } => {
                let (was_live, pruning) = self.end(*session, settings, now);
                (Reply::Ended(was_live), pruning)
            }
            Request::Destroy { session } => {
                let (_, pruning) = self.end(*session, settings, now);
                (Reply::Done, pruning)
            }
            // `explain_pruning` returns the numbers.
            Request::Prune { max_rows } => (
                Reply::Pruned {
                    deleted: 0,
                    rescheduled: 0,
                },
                Pruning::Batch(usize::try_from(*max_rows).unwrap()),
            ),
            Request::Set {
                session,
                data,
                expire,
            } => {
                let pruning = self.set(*session, data.as_deref(), *expire, settings, now);
                (Reply::Done, pruning)
            }
            Request::Get { session } => {
                let reply = self
                    .live(*session, now)
                    .map_or(Reply::Nothing, |row| Reply::Got(row.data.clone()));
                (reply, Pruning::None)
            }
            Request::Count => {
                let live = self.rows.values().filter(|row| row.is_live(now)).count();
                (Reply::Counted(i32::try_from(live).unwrap()), Pruning::None)
            }
            Request::Clear => {
                self.rows.clear();
                (Reply::Done, Pruning::None)
            }
        }
    }

    fn create(
        &mut self,
        session: u8,
        data: &str,
        timeouts: (Option<i32>, Option<i32>),
        user_id: Option<&str>,
        settings: &Settings,
        now: Micros,
    ) -> (Reply, Pruning) {
        if self.rows.contains_key(&session) {
            return (Reply::Exists, Pruning::None);
        }
        let idle_timeout_seconds = timeouts.0.unwrap_or(settings.idle_timeout_seconds);
        let absolute_timeout_seconds = timeouts.1.unwrap_or(settings.absolute_timeout_seconds);
        let absolute_expires_at = now.plus_seconds(absolute_timeout_seconds.into());
        let expires_at = now
            .plus_seconds(idle_timeout_seconds.into())
            .min(absolute_expires_at);
        let slide_interval_seconds = settings.slide_interval_seconds(idle_timeout_seconds);
        self.rows.insert(
            session,
            Row {
                expires_at,
                slide_at: now
                    .plus_seconds(slide_interval_seconds.into())
                    .min(expires_at),
                last_used_at: now,
                version: 1,
                created_at: now,
                absolute_expires_at,
                prune_after: expires_at,
                ended_at: None,
                idle_timeout_seconds,
                slide_interval_seconds,
                user_id: user_id.map(str::to_owned),
                data: Some(data.to_owned()),
            },
        );
        (
            Reply::Created {
                version: 1,
                expires_at,
            },
            Pruning::Pages(8),
        )
    }

    fn live(&mut self, session: u8, now: Micros) -> Option<&mut Row> {
        self.rows.get_mut(&session).filter(|row| row.is_live(now))
    }

    fn save(&mut self, session: u8, data: &str, version: Option<i64>, now: Micros) -> Reply {
        let Some(row) = self.live(session, now) else {
            return Reply::Gone;
        };
        let is_outdated = version.is_some_and(|version| version != row.version);
        if row.data.as_deref() == Some(data) {
            row.slide_if_due(now);
            if is_outdated {
                return Reply::Same {
                    version: row.version,
                    expires_at: row.expires_at,
                };
            }
        } else if is_outdated {
            return Reply::Conflict {
                version: row.version,
                expires_at: row.expires_at,
            };
        } else {
            row.slide_if_due(now);
            row.version += 1;
            row.data = Some(data.to_owned());
        }
        Reply::Saved {
            version: row.version,
            expires_at: row.expires_at,
        }
    }

    fn end(&mut self, session: u8, settings: &Settings, now: Micros) -> (bool, Pruning) {
        let found = self.rows.get_mut(&session);
        // An expired session is pruned first.
        let Some(row) = found.filter(|row| row.ended_at.is_some() || row.is_live(now)) else {
            self.rows.insert(
                session,
                Row {
                    expires_at: Micros::MINUS_INFINITY,
                    slide_at: Micros::MINUS_INFINITY,
                    last_used_at: now,
                    version: 1,
                    created_at: now,
                    absolute_expires_at: now,
                    prune_after: now.plus_seconds(settings.tombstone_retention_seconds.into()),
                    ended_at: Some(now),
                    idle_timeout_seconds: 0,
                    slide_interval_seconds: 0,
                    user_id: None,
                    data: None,
                },
            );
            return (false, Pruning::Pages(8));
        };
        if row.ended_at.is_some() {
            return (false, Pruning::None);
        }
        row.end(settings, now);
        (true, Pruning::None)
    }

    fn set(
        &mut self,
        session: u8,
        data: Option<&str>,
        expire: Option<Micros>,
        settings: &Settings,
        now: Micros,
    ) -> Pruning {
        let (expire, idle_timeout_seconds) = match expire {
            None => (
                now.plus_seconds(settings.idle_timeout_seconds.into()),
                settings.idle_timeout_seconds,
            ),
            Some(expire) if expire > now => {
                let expire = expire.min(now.plus_seconds(MAX_TIMEOUT_SECONDS.into()));
                let seconds = (expire.0 - now.0 + 999_999) / 1_000_000;
                (expire, i32::try_from(seconds).unwrap())
            }
            Some(expire) => (expire, settings.idle_timeout_seconds),
        };
        let slide_interval_seconds = settings.slide_interval_seconds(idle_timeout_seconds);
        let found = self.rows.get(&session);
        let is_live = found.is_some_and(|row| row.is_live(now));
        if !is_live && found.is_some_and(|row| row.ended_at.is_some()) {
            return Pruning::None;
        }
        let (created_at, absolute_expires_at, user_id) = match found {
            Some(row) if is_live => (row.created_at, row.absolute_expires_at, row.user_id.clone()),
            _ => (
                now,
                now.plus_seconds(settings.absolute_timeout_seconds.into()),
                None,
            ),
        };
        let expires_at = expire.min(absolute_expires_at);
        let row = Row {
            expires_at,
            slide_at: now
                .plus_seconds(slide_interval_seconds.into())
                .min(expires_at),
            last_used_at: now,
            version: found.filter(|_| is_live).map_or(1, |row| row.version + 1),
            created_at,
            absolute_expires_at,
            prune_after: found
                .filter(|_| is_live)
                .map_or(expires_at.max(now), |row| row.prune_after),
            ended_at: None,
            idle_timeout_seconds,
            slide_interval_seconds,
            user_id,
            data: data.map(str::to_owned),
        };
        self.rows.insert(session, row);
        if is_live {
            Pruning::None
        } else {
            Pruning::Pages(8)
        }
    }

    /// Returns how many rows were deleted and rescheduled if `actual` is this store after that pruning at `now`. The server
    /// chooses among rows that are due at the same time.
    pub fn explain_pruning(
        &self,
        actual: &Self,
        pruning: Pruning,
        settings: &Settings,
        now: Micros,
    ) -> Result<(usize, usize), String> {
        let from = self.resume_from.unwrap_or(Micros::MINUS_INFINITY);
        let is_due = |row: &Row| match pruning {
            Pruning::None => false,
            Pruning::Pages(_) => row.keep_until(settings) <= now,
            Pruning::Batch(_) => row.prune_after >= from && row.prune_after <= now,
        };
        let (mut deleted, mut rescheduled) = (0, 0);
        let mut latest_taken = None;
        let mut earliest_left = None;
        for (session, row) in &self.rows {
            let keep_until = row.keep_until(settings);
            let after = actual.rows.get(session);
            if after == Some(row) {
                if is_due(row) {
                    earliest_left = earliest_left.into_iter().chain([row.prune_after]).min();
                }
                continue;
            }
            if !is_due(row) {
                return Err(format!(
                    "session {session} should be {row:?} and is {after:?}"
                ));
            }
            let expected = (keep_until > now).then(|| Row {
                prune_after: keep_until,
                ..row.clone()
            });
            if after != expected.as_ref() {
                return Err(format!(
                    "session {session} should be {expected:?} after pruning and is {after:?}"
                ));
            }
            latest_taken = latest_taken.max(Some(row.prune_after));
            if expected.is_some() {
                rescheduled += 1;
            } else {
                deleted += 1;
            }
        }
        if let Some(session) = actual
            .rows
            .keys()
            .find(|session| !self.rows.contains_key(session))
        {
            return Err(format!("session {session} should not exist"));
        }

        let taken = deleted + rescheduled;
        let due = self.rows.values().filter(|row| is_due(row)).count();
        let (is_right, resume_from) = match pruning {
            Pruning::None => (taken == 0, self.resume_from),
            Pruning::Pages(most) => (taken <= most, self.resume_from),
            Pruning::Batch(most) => (
                taken == due.min(most),
                if taken < most { None } else { latest_taken },
            ),
        };
        if !is_right {
            return Err(format!(
                "{pruning:?} took {taken} rows where {due} were due"
            ));
        }
        if matches!(pruning, Pruning::Batch(_))
            && let (Some(taken), Some(left)) = (latest_taken, earliest_left)
            && taken > left
        {
            return Err(format!(
                "a row due at {taken:?} was taken before one due at {left:?}"
            ));
        }
        if actual.resume_from != resume_from {
            return Err(format!(
                "pruning should resume from {resume_from:?} and not from {:?}",
                actual.resume_from
            ));
        }
        Ok((deleted, rescheduled))
    }

    /// Gives a session that has not ended so many seconds more.
    pub fn prolong(&mut self, session: u8, seconds: i64) {
        if let Some(row) = self
            .rows
            .get_mut(&session)
            .filter(|row| row.ended_at.is_none())
        {
            row.expires_at = row
                .expires_at
                .plus_seconds(seconds)
                .min(row.absolute_expires_at);
        }
    }

    /// Moves all times so many microseconds into the past.
    pub fn age(&mut self, by: i64) {
        let age = |time: &mut Micros| {
            if *time != Micros::MINUS_INFINITY {
                time.0 -= by;
            }
        };
        for row in self.rows.values_mut() {
            for time in [
                &mut row.expires_at,
                &mut row.slide_at,
                &mut row.last_used_at,
                &mut row.created_at,
                &mut row.absolute_expires_at,
                &mut row.prune_after,
            ] {
                age(time);
            }
            row.ended_at.iter_mut().for_each(age);
        }
        self.resume_from.iter_mut().for_each(age);
    }
}
