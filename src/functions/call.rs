use std::ops::Deref;
use std::time::Instant;

use tokio_postgres::types::{ToSql, Type};

use crate::error::Error;
use crate::functions::parameter::{Parameter, Parameters};
use crate::functions::reply::Reply;
use crate::functions::schema_name::SchemaName;
use crate::session::SessionKey;
use crate::trace::{CallSpan, CallTrace};

/// A function of the schema `web`, with its arguments.
pub(crate) trait Function<'a> {
    /// The statement: one `select` of the function, its columns by name. `{schema}` stands for the quoted schema.
    const STATEMENT: &'static str;

    /// True if a call changes more than the time of expiry. Then it matters whether a call without a reply was executed.
    const CHANGES: bool;

    /// The row locks that a call may wait for.
    const LOCKS: Locks = Locks::Nothing;

    /// True if a call reads a number of rows that grows with the store. No other call should queue behind it.
    const SCANS: bool = false;

    /// What the reply is decoded to.
    type Output;

    /// Returns the values of `$1`, `$2`, ….
    fn parameters(&self) -> Parameters<'a>;

    /// Returns the kind of group that may make the call for its caller.
    fn group(&self) -> Option<GroupKind> {
        None
    }

    /// Decodes the reply.
    fn decode(reply: Reply) -> Result<Self::Output, Error>;

    /// Returns the call of this function.
    fn call(&self) -> Call<'a> {
        Call {
            statement: Self::STATEMENT,
            changes: Self::CHANGES,
            scans: Self::SCANS,
            parameters: self.parameters(),
            locks: Self::LOCKS,
            group: self.group(),
            mark: None,
            trace: CallTrace::NONE,
        }
    }
}

/// The kind of row locks that a call may wait for. The parameters say which ones.
#[derive(Clone, Copy)]
pub(crate) enum Locks {
    Nothing,
    /// The session of the first key.
    Session,
    /// The user's own lock, if there is a user id: no call holds it for longer than it takes, or than it waits itself.
    User,
    /// All sessions of the user id, or all but that of an optional key.
    UserSessions,
    #[cfg(feature = "admin")]
    All,
}

/// The sessions whose row locks a call may wait for.
#[derive(Clone, Copy)]
pub(crate) enum Waits<'a> {
    Never,
    ForSession(&'a SessionKey),
    ForUser {
        user_id: &'a str,
        except: Option<&'a SessionKey>,
    },
    #[cfg(feature = "admin")]
    ForAll,
}

/// What the calls of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupKind {
    Load,
    /// A load that does not slide.
    Peek,
    Save,
}

/// One call of one function, as it is sent.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    statement: &'static str,
    changes: bool,
    scans: bool,
    parameters: Parameters<'a>,
    locks: Locks,
    group: Option<GroupKind>,
    mark: Option<Mark>,
    trace: CallTrace<'a>,
}

/// What a statement compares before its function runs.
#[derive(Clone, Copy)]
struct Mark {
    value: i32,
    /// The number of the parameter.
    parameter: usize,
}

impl<'a> Call<'a> {
    /// Returns the text that names the statement: the same for all calls of one function.
    pub(crate) fn statement(&self) -> &'static str {
        self.statement
    }

    /// Returns the name of the function.
    fn function(&self) -> &'static str {
        let call = self.statement.split_once("{schema}.");
        let name = call.and_then(|(_, call)| call.split_once('('));
        name.map_or("", |(name, _)| name)
    }

    /// Begins the span of this call.
    pub(crate) fn span(&self) -> CallSpan {
        CallSpan::begin(|| self.function())
    }

    /// Returns the same call, whose attempts are counted in a span.
    pub(crate) fn traced<'b>(&'b self, span: &'b CallSpan) -> TracedCall<'b> {
        span.trace().map_or(TracedCall::Same(self), |trace| {
            TracedCall::Own(Box::new(Call { trace, ..*self }))
        })
    }

    pub(crate) fn trace(&self) -> CallTrace<'a> {
        self.trace
    }

    /// Returns the statement's text in SQL.
    pub(crate) fn sql(&self, schema: &SchemaName) -> String {
        let sql = self.statement.replace("{schema}", schema.quoted());
        match self.mark {
            None => sql,
            // Without columns the condition is checked once, before the function runs. If it does not hold: 22012.
            Some(Mark { value, parameter }) => format!(
                "select q.* from ({sql}) as q where (1 operator(pg_catalog./) \
                 ((${parameter} operator(pg_catalog.=) ({value}))::pg_catalog.int4)) operator(pg_catalog.=) 1"
            ),
        }
    }

    /// Returns the same call with a mark, for connections that programs share: if its name is that of another program's
    /// statement there, the server refuses the call and executes nothing.
    pub(crate) fn marked(&self, schema: &SchemaName) -> Call<'a> {
        let value = hash(&self.sql(schema));
        let mut call = *self;
        let parameter = call.parameters.add(Parameter::Integer(Some(value)));
        call.mark = Some(Mark { value, parameter });
        call
    }

    /// Returns true if the call changes more than the time of expiry.
    pub(crate) fn changes(&self) -> bool {
        self.changes
    }

    /// Returns true if the call may wait for a row that another call has locked.
    pub(crate) fn may_block(&self) -> bool {
        match self.locks {
            Locks::Nothing => false,
            Locks::User => self.user_id().is_some(),
            _ => true,
        }
    }

    /// Returns when the call gives up waiting, if it says so itself.
    pub(crate) fn give_up(&self) -> Option<Instant> {
        self.parameters().iter().find_map(Parameter::as_give_up)
    }

    /// Returns the kind of group that may make the call for its caller.
    pub(crate) fn group(&self) -> Option<GroupKind> {
        self.group
    }

    /// Returns the first key.
    pub(crate) fn key(&self) -> Option<&'a SessionKey> {
        self.parameters().iter().find_map(Parameter::as_key)
    }

    /// Returns the expected version of a save. Without one it overwrites any version.
    pub(crate) fn version(&self) -> Option<i64> {
        self.parameters().iter().find_map(Parameter::as_version)
    }

    /// Returns the first number: the idle timeout of a save that can be grouped, if it has one.
    pub(crate) fn first_integer(&self) -> Option<i32> {
        self.parameters().iter().find_map(Parameter::as_integer)
    }

    /// Returns the sessions whose row locks the call may wait for.
    pub(crate) fn waits(&self) -> Waits<'a> {
        match self.locks {
            Locks::Nothing | Locks::User => Waits::Never,
            Locks::Session => self.key().map_or(Waits::Never, Waits::ForSession),
            Locks::UserSessions => self
                .user_id()
                .map_or(Waits::Never, |user_id| Waits::ForUser {
                    user_id,
                    except: self
                        .parameters()
                        .iter()
                        .find_map(Parameter::as_optional_key),
                }),
            #[cfg(feature = "admin")]
            Locks::All => Waits::ForAll,
        }
    }

    fn user_id(&self) -> Option<&'a str> {
        self.parameters().iter().find_map(Parameter::as_user_id)
    }

    /// Returns true if the call is short and waits for no other client, so that other calls can queue behind it.
    #[cfg_attr(
        not(feature = "tokio"),
        expect(dead_code, reason = "the asynchronous store asks")
    )]
    pub(crate) fn can_be_pipelined(&self) -> bool {
        !self.changes && !self.scans && !self.may_block()
    }

    pub(crate) fn types(&self) -> Vec<Type> {
        self.parameters().iter().map(Parameter::sql_type).collect()
    }

    /// Returns the values as the driver takes them.
    pub(crate) fn values(&self) -> Values<'_> {
        let parameters = self.parameters();
        let mut values: [&(dyn ToSql + Sync); Parameters::MAX] =
            [&Parameter::Flag(false); Parameters::MAX];
        for (value, parameter) in values.iter_mut().zip(parameters) {
            *value = parameter;
        }
        Values {
            values,
            len: parameters.len(),
        }
    }

    pub(crate) fn typed_values(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.parameters()
            .iter()
            .map(|parameter| (parameter as _, parameter.sql_type()))
            .collect()
    }

    /// Returns the session data that the call stores, as JSON.
    pub(crate) fn data(&self) -> Option<&'a str> {
        self.parameters().iter().find_map(Parameter::as_data)
    }

    /// Returns the same call with other data.
    pub(crate) fn with_data<'b>(&self, data: &'b str) -> Call<'b>
    where
        'a: 'b,
    {
        let mut call: Call<'b> = *self;
        call.parameters.replace_data(data);
        call
    }

    fn parameters(&self) -> &[Parameter<'a>] {
        self.parameters.as_slice()
    }
}

/// A call, with its span if one is listened to. Small, because futures contain it.
pub(crate) enum TracedCall<'a> {
    Same(&'a Call<'a>),
    Own(Box<Call<'a>>),
}

impl<'a> Deref for TracedCall<'a> {
    type Target = Call<'a>;

    fn deref(&self) -> &Call<'a> {
        match self {
            TracedCall::Same(call) => call,
            TracedCall::Own(call) => call,
        }
    }
}

/// FNV-1a. Programs compare the values, so it never changes.
fn hash(text: &str) -> i32 {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    i32::from_be_bytes(hash.to_be_bytes())
}

/// The values of a call, on the stack.
pub(crate) struct Values<'a> {
    values: [&'a (dyn ToSql + Sync); Parameters::MAX],
    len: usize,
}

impl<'a> Deref for Values<'a> {
    type Target = [&'a (dyn ToSql + Sync)];

    fn deref(&self) -> &Self::Target {
        &self.values[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::create_session::CreateSession;
    use crate::functions::{
        AttributeParameters, EndUserSessions, RotateSession, SaveSession, TouchSession,
    };
    use crate::session::SessionAttributes;

    const KEY: SessionKey = SessionKey::new([7; 32]);

    #[test]
    fn sql_names_schema_as_quoted_identifier() {
        let schema = SchemaName::new("a\"b").unwrap();
        assert_eq!(
            TouchSession { key: &KEY }.call().sql(&schema),
            "select \"a\"\"b\".touch_session($1)"
        );
    }

    #[test]
    fn mark_is_that_of_the_statement_in_its_schema() {
        let touch = TouchSession { key: &KEY };
        let (web, shop) = (SchemaName::default(), SchemaName::new("shop").unwrap());
        let call = touch.call().marked(&web);
        let mark = hash("select \"web\".touch_session($1)");
        assert_eq!(
            call.sql(&web),
            format!(
                "select q.* from (select \"web\".touch_session($1)) as q where \
                 (1 operator(pg_catalog./) (($2 operator(pg_catalog.=) ({mark}))::pg_catalog.int4)) operator(pg_catalog.=) 1"
            )
        );
        assert_eq!(call.types(), [Type::BYTEA, Type::INT4]);
        assert_eq!(call.key(), Some(&KEY));
        let elsewhere = touch.call().marked(&shop);
        assert_ne!(call.sql(&web), elsewhere.sql(&web));
    }

    #[test]
    fn waits_for_locks_of_parameters() {
        let other = SessionKey::new([8; 32]);
        let rotate = RotateSession {
            old_key: &KEY,
            new_key: &other,
            grace_seconds: 0,
        };
        assert!(matches!(rotate.call().waits(), Waits::ForSession(key) if *key == KEY));
        let end = EndUserSessions::new("ada", Some(&KEY)).unwrap().call();
        assert!(matches!(
            end.waits(),
            Waits::ForUser { user_id: "ada", except: Some(key) } if *key == KEY
        ));
        assert!(rotate.call().may_block() && end.may_block());
        assert!(!TouchSession { key: &KEY }.call().may_block());
    }

    // It waits for the user's lock and for no session.
    #[test]
    fn create_may_block_only_with_user_id() {
        let attributes = SessionAttributes::new().user_agent("ada");
        for (attributes, may_block) in [
            (attributes.clone(), false),
            (attributes.user_id("ada"), true),
        ] {
            let create = CreateSession {
                key: &KEY,
                data: "1",
                attributes: AttributeParameters::new(&attributes).unwrap(),
            };
            assert_eq!(create.call().may_block(), may_block);
            assert!(matches!(create.call().waits(), Waits::Never));
        }
    }

    #[test]
    fn with_data_replaces_data_only() {
        let save = SaveSession::new(&KEY, "\"é\"", 1);
        let call = save.call().with_data("\"\\u00e9\"");
        assert_eq!(save.call().data(), Some("\"é\""));
        assert_eq!(call.data(), Some("\"\\u00e9\""));
        assert_eq!(call.types(), save.call().types());
        assert_eq!(call.values().len(), 6);
        assert!(TouchSession { key: &KEY }.call().data().is_none());
    }
}
