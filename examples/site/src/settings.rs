use std::env;
use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use connect_pg::{SessionId, StoreBuilder};
use connect_pg_http::KeyRing;

/// The environment of an example.
///
/// | variable | meaning |
/// |---|---|
/// | `DATABASE_URL`, or `PGHOST`, `PGUSER`, … | the database, as `psql` takes it |
/// | `CONNECT_PG_PASSWORD_FILE` | the password file, read at each connect: a rotation needs no restart |
/// | `CONNECT_PG_SCHEMA` | the schema of the store; default `web` |
/// | `LISTEN` | address and port; default `127.0.0.1:8080`; port 0: any free port |
/// | `COOKIE_KEY_FILE` | 64 random bytes that sign the cookie; default: new ones at each start |
/// | `SECURE_COOKIE` | `1` behind TLS: the cookie is `Secure`, and its name has the prefix `__Host-`; default `0` |
#[derive(Clone)]
#[allow(missing_debug_implementations, reason = "the key is a secret")]
pub struct Settings {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Whether browsers reach the server by TLS.
    pub secure_cookie: bool,
    /// At least 64 random bytes. All servers of one site share them, and they survive restarts; otherwise all cookies become
    /// invalid.
    pub cookie_key: Vec<u8>,
    password_file: Option<PathBuf>,
    schema: Option<String>,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    ///
    /// Returns an error if a variable has an invalid value, or if the file of the key cannot be read.
    pub fn from_env() -> Result<Settings, Box<dyn Error>> {
        Ok(Settings {
            listen: match variable("LISTEN")? {
                Some(text) => text.parse().map_err(|_| {
                    format!("LISTEN is {text:?}, which is not an address and a port such as 127.0.0.1:8080")
                })?,
                None => SocketAddr::from(([127, 0, 0, 1], 8080)),
            },
            secure_cookie: match variable("SECURE_COOKIE")?.as_deref() {
                None | Some("0") => false,
                Some("1") => true,
                Some(text) => {
                    return Err(format!("SECURE_COOKIE is {text:?}; hint: 1 behind TLS, otherwise 0").into());
                }
            },
            cookie_key: cookie_key()?,
            password_file: env::var_os("CONNECT_PG_PASSWORD_FILE").map(PathBuf::from),
            schema: variable("CONNECT_PG_SCHEMA")?,
        })
    }

    /// Sets password file and schema. The builder itself reads `DATABASE_URL` and `PG*`.
    pub fn apply<S>(&self, mut store: StoreBuilder<S>) -> StoreBuilder<S> {
        if let Some(file) = &self.password_file {
            store = store.password_file(file);
        }
        if let Some(schema) = &self.schema {
            store = store.schema(schema);
        }
        store
    }

    /// Returns the name of the cookie. Browsers accept the prefix only with `Secure`, and from this host.
    #[must_use]
    pub fn cookie_name(&self) -> &'static str {
        if self.secure_cookie {
            "__Host-session"
        } else {
            "session"
        }
    }

    /// Returns the error of a server that cannot listen.
    #[must_use]
    pub fn cannot_listen(&self, error: &dyn Error) -> String {
        let address = self.listen;
        format!("cannot listen on {address}: {error}; LISTEN names another address")
    }
}

fn cookie_key() -> Result<Vec<u8>, Box<dyn Error>> {
    let Some(path) = env::var_os("COOKIE_KEY_FILE") else {
        // Two ids have 64 random bytes and more.
        let ids = [SessionId::generate()?, SessionId::generate()?];
        return Ok(ids
            .each_ref()
            .map(SessionId::as_cookie_value)
            .concat()
            .into_bytes());
    };
    let shown = Path::new(&path).display();
    let bytes =
        fs::read(&path).map_err(|error| format!("cannot read COOKIE_KEY_FILE {shown}: {error}"))?;
    KeyRing::new(&bytes).map_err(|error| format!("COOKIE_KEY_FILE {shown}: {error}"))?;
    Ok(bytes)
}

/// Returns an environment variable if it is set and not empty.
fn variable(name: &str) -> Result<Option<String>, String> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
    }
}
