//! Calls of many sessions as one call: what may travel together, and which reply is whose.

use std::collections::HashSet;
use std::vec;

use tokio_postgres::Row;

use crate::error::Error;
use crate::functions::call::{Call, Function, GroupKind};
use crate::functions::load_sessions::LoadSessions;
use crate::functions::reply::Reply;
use crate::functions::save_sessions::SaveSessions;
use crate::session::SessionKey;

/// The most calls of a group. More gain little, and wait for each other.
const MAX_CALLS: usize = 64;
/// About the most bytes that a group sends or receives.
const MAX_BYTES: usize = 256 * 1024;

/// One call of a group. It is made on another thread than its caller's, so it borrows nothing.
#[derive(Clone)]
pub(crate) struct GroupedCall {
    key: SessionKey,
    save: Option<GroupedSave>,
}

/// What a save passes beside its key.
#[derive(Clone)]
struct GroupedSave {
    data: Box<str>,
    version: Option<i64>,
    idle_timeout_seconds: Option<i32>,
}

impl GroupedCall {
    /// Copies a call that has a [kind of group](Call::group).
    pub(crate) fn new(call: &Call<'_>) -> Option<GroupedCall> {
        Some(GroupedCall {
            key: *call.key()?,
            save: match call.group()? {
                GroupKind::Load | GroupKind::Peek => None,
                GroupKind::Save => Some(GroupedSave {
                    data: call.data()?.into(),
                    version: call.version(),
                    idle_timeout_seconds: call.first_integer(),
                }),
            },
        })
    }

    fn data_length(&self) -> usize {
        self.save.as_ref().map_or(0, |save| save.data.len())
    }
}

/// What becomes of a call that wants to join a group.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Joins,
    /// It waits for the next group.
    Waits,
    /// It waits, and so do all behind it.
    Full,
}

/// The size of a group that is being formed.
pub(crate) struct GroupLimits {
    calls: usize,
    max_calls: usize,
    bytes: usize,
    /// Two saves of one session cannot be one statement: the second would not see the first.
    saved: HashSet<SessionKey>,
}

impl GroupLimits {
    /// Begins with the first call. `reply_size` is how large a session is in a reply.
    pub(crate) fn new(first: &GroupedCall, reply_size: usize) -> GroupLimits {
        let mut limits = GroupLimits {
            calls: 0,
            max_calls: (MAX_BYTES / reply_size.max(1)).clamp(2, MAX_CALLS),
            bytes: 0,
            saved: HashSet::new(),
        };
        limits.admit(first);
        limits
    }

    /// Admits a call to the group, or not.
    pub(crate) fn admit(&mut self, call: &GroupedCall) -> Admission {
        let bytes = self.bytes + call.data_length();
        if self.calls == self.max_calls || bytes > MAX_BYTES {
            return Admission::Full;
        }
        if call.save.is_some() && !self.saved.insert(call.key) {
            return Admission::Waits;
        }
        self.calls += 1;
        self.bytes = bytes;
        Admission::Joins
    }
}

/// The calls of a group, in the order of its members.
pub(crate) struct Group<'a> {
    kind: GroupKind,
    keys: Vec<&'a [u8]>,
    data: Vec<&'a str>,
    versions: Vec<Option<i64>>,
    idle_timeout_seconds: Vec<Option<i32>>,
}

impl<'a> Group<'a> {
    pub(crate) fn new(
        kind: GroupKind,
        members: impl Iterator<Item = &'a GroupedCall>,
    ) -> Group<'a> {
        let mut group = Group {
            kind,
            keys: Vec::new(),
            data: Vec::new(),
            versions: Vec::new(),
            idle_timeout_seconds: Vec::new(),
        };
        for member in members {
            group.keys.push(member.key.as_bytes());
            if let Some(save) = &member.save {
                group.data.push(&save.data);
                group.versions.push(save.version);
                group.idle_timeout_seconds.push(save.idle_timeout_seconds);
            }
        }
        group
    }

    pub(crate) fn call(&self) -> Call<'_> {
        let keys = &self.keys;
        match self.kind {
            GroupKind::Load => LoadSessions { keys, slide: true }.call(),
            GroupKind::Peek => LoadSessions { keys, slide: false }.call(),
            GroupKind::Save => SaveSessions {
                keys,
                data: &self.data,
                versions: &self.versions,
                idle_timeout_seconds: &self.idle_timeout_seconds,
            }
            .call(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns each member's part of what the group's call returned.
    pub(crate) fn decode(&self, result: Result<Reply, Error>) -> GroupReply {
        let reply = match result {
            Ok(reply) => reply,
            // Each call has had its time. Alone, it would wait as long again.
            Err(error) if error.is_call_timeout() => {
                return GroupReply {
                    timed_out: Some(error),
                    ..GroupReply::default()
                };
            }
            Err(error) => {
                return GroupReply {
                    may_have_executed: error.is_outcome_unknown(),
                    ..GroupReply::default()
                };
            }
        };
        let repeated = reply.is_repeated();
        let row_size = self.row_size(&reply);
        let parts = self.parts(reply);
        GroupReply {
            timed_out: None,
            may_have_executed: match parts {
                Ok(_) => repeated,
                Err(_) => self.call().changes(),
            },
            replies: parts.unwrap_or_default().into_iter(),
            row_size,
        }
    }

    /// Returns the mean size of a row in a reply.
    fn row_size(&self, reply: &Reply) -> Option<usize> {
        match self.kind {
            GroupKind::Load | GroupKind::Peek => {
                let rows = reply.rows();
                let bytes: usize = rows.iter().map(Row::raw_size_bytes).sum();
                bytes.checked_div(rows.len())
            }
            // Its rows hold no data.
            GroupKind::Save => None,
        }
    }

    fn parts(&self, reply: Reply) -> Result<Vec<Option<Reply>>, Error> {
        let repeated = reply.is_repeated();
        Ok(match self.kind {
            GroupKind::Load | GroupKind::Peek => {
                let rows = LoadSessions::decode(reply)?;
                let part =
                    |key: &&[u8]| Some(Reply::of_group(rows.get(*key)?, repeated, self.len()));
                self.keys.iter().map(part).collect()
            }
            GroupKind::Save => {
                let rows = SaveSessions::decode(reply)?;
                let part = |at| Some(Reply::of_group(rows.get(&at)?, repeated, self.len()));
                (0..self.keys.len()).map(part).collect()
            }
        })
    }
}

/// What the call of a group returned, for its members.
#[derive(Default)]
pub(crate) struct GroupReply {
    /// The error of all calls.
    timed_out: Option<Error>,
    replies: vec::IntoIter<Option<Reply>>,
    /// True if the calls without a reply may have been executed.
    pub(crate) may_have_executed: bool,
    /// The mean size of a row.
    pub(crate) row_size: Option<usize>,
}

impl GroupReply {
    /// Returns the reply of the next member. One without a reply makes the ordinary call.
    pub(crate) fn next_reply(&mut self) -> Option<Result<Reply, Error>> {
        match &self.timed_out {
            Some(error) => Some(Err(error.share())),
            None => self.replies.next().flatten().map(Ok),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::{LoadSession, SaveSession, TouchSession};

    const KEY: SessionKey = SessionKey::new([1; 32]);

    fn key(number: usize) -> SessionKey {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        SessionKey::new(key)
    }

    fn save<'a>(key: &'a SessionKey, data: &'a str) -> Call<'a> {
        SaveSession::new(key, data, 7).call()
    }

    fn load(key: &SessionKey) -> Call<'_> {
        LoadSession { key, slide: true }.call()
    }

    /// Returns how many of these calls one group takes.
    fn admitted(calls: &[Call<'_>], reply_size: usize) -> usize {
        let calls: Vec<_> = calls
            .iter()
            .map(|call| GroupedCall::new(call).unwrap())
            .collect();
        let mut limits = GroupLimits::new(&calls[0], reply_size);
        let joins = |call: &&GroupedCall| limits.admit(call) == Admission::Joins;
        1 + calls[1..].iter().take_while(joins).count()
    }

    #[test]
    fn loads_peeks_and_small_saves_have_groups_of_their_own() {
        let large = "x".repeat(SaveSessions::MAX_DATA + 1);
        let peek = LoadSession {
            key: &KEY,
            slide: false,
        };
        for (call, kind) in [
            (load(&KEY), Some(GroupKind::Load)),
            (peek.call(), Some(GroupKind::Peek)),
            (save(&KEY, &large[1..]), Some(GroupKind::Save)),
            (save(&KEY, &large), None),
            (TouchSession { key: &KEY }.call(), None),
        ] {
            assert_eq!(call.group(), kind);
            assert_eq!(GroupedCall::new(&call).is_some(), kind.is_some());
        }
    }

    #[test]
    fn group_calls_function_with_values_of_its_members() {
        let (one, two) = (key(1), key(2));
        let members =
            [save(&one, "1"), save(&two, "2")].map(|call| GroupedCall::new(&call).unwrap());
        let group = Group::new(GroupKind::Save, members.iter());
        assert_eq!(group.call().statement(), SaveSessions::STATEMENT);
        assert!(group.call().changes() && !group.call().may_block());
        assert_eq!(group.keys, [one.as_bytes(), two.as_bytes()]);
        assert_eq!(
            (group.data, group.versions),
            (vec!["1", "2"], vec![Some(7), Some(7)])
        );
    }

    #[test]
    fn equal_keys_share_a_group_of_loads_and_not_of_saves() {
        assert_eq!(admitted(&[load(&KEY), load(&KEY)], 100), 2);
        let calls = [save(&KEY, "1"), save(&KEY, "2"), save(&key(2), "3")]
            .map(|call| GroupedCall::new(&call).unwrap());
        let mut limits = GroupLimits::new(&calls[0], 100);
        assert_eq!(limits.admit(&calls[1]), Admission::Waits);
        assert_eq!(limits.admit(&calls[2]), Admission::Joins);
    }

    #[test]
    fn groups_are_cut_by_number_and_by_bytes() {
        let keys: Vec<SessionKey> = (0..100).map(key).collect();
        let loads: Vec<_> = keys.iter().map(load).collect();
        assert_eq!(admitted(&loads, 300), 64);
        assert_eq!(admitted(&loads, 16 * 1024), 16);
        assert_eq!(admitted(&loads, 1024 * 1024), 2);
        let data = "x".repeat(8192);
        let saves: Vec<_> = keys.iter().map(|key| save(key, &data)).collect();
        assert_eq!(admitted(&saves, 300), 32);
    }
}
