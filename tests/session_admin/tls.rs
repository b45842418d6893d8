//! TLS, by the program.

use std::process::Command;

use crate::support::certificates::Authority;
use crate::support::session_admin::{Run, bare_command, run};
use crate::support::skip::skip;
use crate::support::tls_server::{PASSWORD, TlsServer};

/// The server has no store, which only a connection can show.
const CONNECTED: &str = "there is no store";

fn status(server: &TlsServer, settings: &str, environment: &[(&str, &str)]) -> Run {
    let mut command: Command = bare_command(&["status"]);
    command
        .arg("--database-url")
        .arg(format!("{} {settings}", server.url()))
        .env_remove("SSL_CERT_FILE")
        .env_remove("SSL_CERT_DIR")
        .envs(environment.iter().copied());
    run(command).expect(2).hides(PASSWORD)
}

#[test]
fn server_is_verified_and_a_refusal_has_a_hint() {
    let server = match TlsServer::start() {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    let (own, other) = (Authority::new("own"), Authority::new("other"));
    let (root, other_root) = (
        server.directory().join("own.pem"),
        server.directory().join("other.pem"),
    );
    std::fs::write(&root, &own.pem).unwrap();
    std::fs::write(&other_root, &other.pem).unwrap();
    let (root, other_root) = (root.to_str().unwrap(), other_root.to_str().unwrap());
    let default_hint = "no sslmode is set, so the server must prove its name (verify-full)";

    status(&server, "host=localhost", &[]).says(&[CONNECTED]);
    status(&server, "host=db.example", &[]).says(&[
        "the server offers no TLS",
        "Hint: set ssl=on",
        default_hint,
    ]);
    server.set_certificate(&own.sign("server", &["db.example"]));
    for (settings, environment, texts) in [
        ("host=db.example sslmode=disable", &[][..], &[CONNECTED][..]),
        ("host=db.example sslmode=require", &[], &[CONNECTED]),
        (
            "host=db.example",
            &[],
            &[
                "no trusted authority",
                "Hint: set sslrootcert",
                default_hint,
            ],
        ),
        ("host=db.example", &[("PGSSLROOTCERT", root)], &[CONNECTED]),
        (
            "host=db.example sslmode=verify-full",
            &[("PGSSLROOTCERT", other_root)],
            &["no trusted authority", "Hint: set sslrootcert"],
        ),
        (
            "host=other.example",
            &[("PGSSLROOTCERT", root)],
            &[
                "names",
                "db.example",
                "and not \"other.example\"",
                "Hint: set host",
            ],
        ),
        // The authorities of the operating system, of which the variable is a part.
        ("host=db.example", &[("SSL_CERT_FILE", root)], &[CONNECTED]),
        (
            "host=db.example sslmode=verify-full sslrootcert=system",
            &[("SSL_CERT_FILE", root)],
            &[CONNECTED],
        ),
        (
            "host=db.example sslrootcert=system",
            &[("SSL_CERT_FILE", other_root)],
            &["no trusted authority", "Hint: set sslrootcert"],
        ),
        (
            "host=db.example sslrootcert=system",
            &[("SSL_CERT_FILE", "/no/such/file")],
            &["no trusted root certificates", "Hint: correct the setting"],
        ),
        (
            "host=db.example sslmode=require require_auth=scram-sha-256",
            &[],
            &[
                "asks for the authentication method password",
                "Hint: change the method",
            ],
        ),
    ] {
        status(&server, settings, environment).says(texts);
    }
}
