use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;
use std::time::{Instant, SystemTime};

use bytes::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::session::SessionKey;

/// A parameter of a call.
///
/// The driver logs the `Debug` form of the parameters of a prepared statement: here keys and session data. So they have a type
/// of their own, whose `Debug` shows the kind only.
#[derive(Clone, Copy)]
pub(crate) enum Parameter<'a> {
    Address(Option<IpAddr>),
    /// A session's data, as JSON.
    Data(&'a str),
    /// The data of several sessions.
    DataOfMany(&'a [&'a str]),
    Flag(bool),
    Handle(Uuid),
    Integer(Option<i32>),
    Integers(&'a [Option<i32>]),
    Key(&'a SessionKey),
    Keys(&'a [&'a [u8]]),
    OptionalKey(Option<&'a SessionKey>),
    Text(Option<&'a str>),
    #[cfg(feature = "admin")]
    Texts(&'a [Option<&'a str>]),
    Time(Option<SystemTime>),
    /// The milliseconds left until then, at least 1: at the time of sending.
    TimeLeft(Instant),
    UserId(Option<&'a str>),
    Version(Option<i64>),
    Versions(&'a [Option<i64>]),
}

impl<'a> Parameter<'a> {
    /// Returns the session data, if this is it.
    pub(crate) fn as_data(&self) -> Option<&'a str> {
        match self {
            Parameter::Data(data) => Some(data),
            _ => None,
        }
    }

    /// Returns the key, if this is one.
    pub(crate) fn as_key(&self) -> Option<&'a SessionKey> {
        match self {
            Parameter::Key(key) => Some(key),
            _ => None,
        }
    }

    /// Returns the key, if this is one that may be missing and is there.
    pub(crate) fn as_optional_key(&self) -> Option<&'a SessionKey> {
        match self {
            Parameter::OptionalKey(key) => *key,
            _ => None,
        }
    }

    /// Returns the expected version, if this is one and it is there.
    pub(crate) fn as_version(&self) -> Option<i64> {
        match self {
            Parameter::Version(version) => *version,
            _ => None,
        }
    }

    /// Returns the number, if this is one and it is there.
    pub(crate) fn as_integer(&self) -> Option<i32> {
        match self {
            Parameter::Integer(integer) => *integer,
            _ => None,
        }
    }

    /// Returns the user id, if this is one and it is there.
    pub(crate) fn as_user_id(&self) -> Option<&'a str> {
        match self {
            Parameter::UserId(user_id) => *user_id,
            _ => None,
        }
    }

    /// Returns the time at which the call gives up, if this is it.
    pub(crate) fn as_give_up(&self) -> Option<Instant> {
        match self {
            Parameter::TimeLeft(give_up) => Some(*give_up),
            _ => None,
        }
    }

    /// Returns the type that the function declares. It is always stated, which saves the server's description of it.
    pub(crate) fn sql_type(&self) -> Type {
        match self {
            Parameter::Address(_) => Type::INET,
            Parameter::Flag(_) => Type::BOOL,
            Parameter::Handle(_) => Type::UUID,
            Parameter::Integer(_) | Parameter::TimeLeft(_) => Type::INT4,
            Parameter::Key(_) | Parameter::OptionalKey(_) => Type::BYTEA,
            Parameter::Data(_) | Parameter::Text(_) | Parameter::UserId(_) => Type::TEXT,
            Parameter::Time(_) => Type::TIMESTAMPTZ,
            Parameter::Version(_) => Type::INT8,
            Parameter::DataOfMany(_) => Type::TEXT_ARRAY,
            Parameter::Keys(_) => Type::BYTEA_ARRAY,
            Parameter::Versions(_) => Type::INT8_ARRAY,
            Parameter::Integers(_) => Type::INT4_ARRAY,
            #[cfg(feature = "admin")]
            Parameter::Texts(_) => Type::TEXT_ARRAY,
        }
    }
}

impl ToSql for Parameter<'_> {
    fn to_sql(
        &self,
        sql_type: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Parameter::Address(address) => address.to_sql(sql_type, out),
            Parameter::Data(data) => data.to_sql(sql_type, out),
            Parameter::DataOfMany(data) => data.to_sql(sql_type, out),
            Parameter::Flag(flag) => flag.to_sql(sql_type, out),
            Parameter::Handle(handle) => handle.to_sql(sql_type, out),
            Parameter::Integer(integer) => integer.to_sql(sql_type, out),
            Parameter::Key(key) => key.as_bytes().as_slice().to_sql(sql_type, out),
            Parameter::OptionalKey(key) => key
                .map(|key| key.as_bytes().as_slice())
                .to_sql(sql_type, out),
            Parameter::Text(text) | Parameter::UserId(text) => text.to_sql(sql_type, out),
            Parameter::Time(time) => time.to_sql(sql_type, out),
            Parameter::TimeLeft(give_up) => milliseconds_until(*give_up).to_sql(sql_type, out),
            Parameter::Version(version) => version.to_sql(sql_type, out),
            Parameter::Versions(versions) => versions.to_sql(sql_type, out),
            Parameter::Integers(integers) => integers.to_sql(sql_type, out),
            Parameter::Keys(keys) => keys.to_sql(sql_type, out),
            #[cfg(feature = "admin")]
            Parameter::Texts(texts) => texts.to_sql(sql_type, out),
        }
    }

    fn accepts(sql_type: &Type) -> bool {
        [
            Type::INET,
            Type::BOOL,
            Type::INT4,
            Type::BYTEA,
            Type::TEXT,
            Type::INT8,
            Type::TIMESTAMPTZ,
            Type::UUID,
            Type::INT4_ARRAY,
            Type::INT8_ARRAY,
            Type::BYTEA_ARRAY,
            Type::TEXT_ARRAY,
        ]
        .contains(sql_type)
    }

    to_sql_checked!();
}

fn milliseconds_until(time: Instant) -> i32 {
    let left = time.saturating_duration_since(Instant::now());
    i32::try_from(left.as_millis()).unwrap_or(i32::MAX).max(1)
}

impl fmt::Debug for Parameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(…)", self.sql_type())
    }
}

/// The parameters of a call, on the stack.
#[derive(Clone, Copy)]
pub(crate) struct Parameters<'a> {
    values: [Parameter<'a>; Parameters::MAX],
    len: usize,
}

impl<'a> Parameters<'a> {
    /// The most parameters that a function takes, and a [mark](crate::functions::Call::marked).
    pub(crate) const MAX: usize = 12;

    pub(crate) fn as_slice(&self) -> &[Parameter<'a>] {
        &self.values[..self.len]
    }

    /// Adds one, and returns its number.
    pub(crate) fn add(&mut self, parameter: Parameter<'a>) -> usize {
        self.values[self.len] = parameter;
        self.len += 1;
        self.len
    }

    pub(crate) fn replace_data(&mut self, data: &'a str) {
        for parameter in &mut self.values {
            if parameter.as_data().is_some() {
                *parameter = Parameter::Data(data);
            }
        }
    }
}

impl<'a, const N: usize> From<[Parameter<'a>; N]> for Parameters<'a> {
    fn from(parameters: [Parameter<'a>; N]) -> Parameters<'a> {
        const { assert!(N < Parameters::MAX) };
        let mut values = [Parameter::Flag(false); Parameters::MAX];
        values[..N].copy_from_slice(&parameters);
        Parameters { values, len: N }
    }
}
