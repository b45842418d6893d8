//! What both clients do with TLS. Each test starts a server, and makes the connections of one client to it.

use std::any::Any;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use connect_pg::{ConnectionSettings, Error, TlsFailure};
use postgres::config::SslMode;
use rcgen::{PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

use tokio_postgres::Config;

use super::case::case;
use super::certificates::{Authority, Signed, write_private};
use super::own_connector::OwnConnector;
use super::repository::{files, read};
use super::server::{random, value};
use super::skip::skip;
use super::tls_proxy::{SSL_REQUEST, StrippingProxy, terminating_proxy};
use super::tls_server::{PASSWORD, TlsServer};
use super::wait::wait_until;

/// Makes a connection that lasts as long as the value.
pub type Connect = fn(&ConnectionSettings) -> Result<Box<dyn Any>, Error>;

/// Makes the tests of one client.
macro_rules! tests {
    ($connect:expr) => {
        #[test]
        fn sslmode_decides_whether_there_is_tls_and_what_is_verified() {
            $crate::support::tls_cases::sslmode_decides($connect);
        }

        #[test]
        fn expired_revoked_and_self_signed_certificates_are_refused_unless_named() {
            $crate::support::tls_cases::certificate_is_checked($connect);
        }

        #[test]
        fn client_certificate_is_sent_to_a_server_that_asks() {
            $crate::support::tls_cases::client_certificate_is_sent($connect);
        }

        #[test]
        fn authentication_method_and_channel_binding_are_checked_before_a_reply() {
            $crate::support::tls_cases::authentication_is_checked($connect);
        }

        #[test]
        fn proxy_between_client_and_server_is_refused() {
            $crate::support::tls_cases::proxy_in_between_is_refused($connect);
        }

        #[test]
        fn direct_handshake_needs_a_server_that_knows_it() {
            $crate::support::tls_cases::handshake_may_begin_at_once($connect);
        }

        #[test]
        fn channel_is_bound_by_the_hash_of_each_kind_of_signature() {
            $crate::support::tls_cases::channel_is_bound_by_each_signature($connect);
        }

        #[test]
        fn application_brings_its_own_connector() {
            $crate::support::tls_cases::application_brings_its_connector($connect);
        }
    };
}
pub(crate) use tests;

/// No server has this user. Its name in a log shows that it was sent.
const UNKNOWN_USER: &str = "user_of_refused_connection";

const SCRAM: &str = "host all all all scram-sha-256";

/// What a case expects.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// A connection without TLS.
    Plain,
    /// A connection with TLS.
    Tls,
    Tls12,
    /// The client refuses, and the server has not learned who it is.
    Refused(TlsFailure),
    /// The client refuses what the server asks for in the login.
    RefusedMethod(TlsFailure),
    /// The settings are an error.
    Invalid,
    /// The server refuses the login.
    LoginRefused,
}

use Expected::{Invalid, LoginRefused, Plain, Refused, RefusedMethod, Tls, Tls12};

struct Bench {
    server: TlsServer,
    connect: Connect,
    environment: HashMap<&'static str, String>,
}

impl Bench {
    fn start(connect: Connect) -> Option<Bench> {
        Bench::with(TlsServer::start(), connect)
    }

    /// Reports a skip and returns None if there is no server.
    fn with(server: Result<TlsServer, String>, connect: Connect) -> Option<Bench> {
        let server = server.map_err(|reason| skip(&reason)).ok()?;
        let home = server.directory().join("home");
        fs::create_dir_all(home.join(".postgresql")).unwrap();
        let environment = HashMap::from([("HOME", home.display().to_string())]);
        Some(Bench {
            server,
            connect,
            environment,
        })
    }

    fn home(&self) -> &Path {
        Path::new(&self.environment["HOME"])
    }

    /// Writes a file of an authority and returns its path.
    fn root(&self, name: &str, pem: &str) -> String {
        let path = self.server.directory().join(format!("{name}.pem"));
        fs::write(&path, pem).unwrap();
        path.display().to_string()
    }

    fn settings(&self, settings: &str) -> Result<ConnectionSettings, Error> {
        let url = format!("{} {settings}", self.server.url());
        ConnectionSettings::with_environment(Some(&url), |name| {
            self.environment.get(name).map(OsString::from)
        })
    }

    fn connect(&self, settings: &str) -> Result<Box<dyn Any>, Error> {
        (self.connect)(&self.settings(settings)?)
    }

    #[track_caller]
    fn expect_all(&self, cases: &[(&str, Expected)]) {
        for &(settings, expected) in cases {
            case(settings, || self.expect(settings, expected));
        }
    }

    #[track_caller]
    fn expect(&self, settings: &str, expected: Expected) {
        let name = format!("tls_{}", random());
        let named = format!("{settings} application_name={name}");
        match expected {
            Plain | Tls | Tls12 => {
                let open = self.connect(&named);
                let _open = open.unwrap_or_else(|error| panic!("{error}"));
                let found = self.server.tls_of(&name);
                let expected: &[&str] = match expected {
                    Plain => &["none"],
                    Tls12 => &["TLSv1.2"],
                    _ => &["TLSv1.3"],
                };
                assert_eq!(found, expected);
            }
            Refused(failure) => {
                let error = self.refusal(&format!("{named} user={UNKNOWN_USER}"));
                assert_eq!(error.tls_failure(), Some(failure), "{error}");
                assert!(error.is_tls() && !error.is_unavailable(), "{error}");
                let log = self.server.log();
                assert!(!log.contains(UNKNOWN_USER) && !log.contains(&name), "{log}");
            }
            RefusedMethod(failure) => {
                let error = self.refusal(&named);
                assert_eq!(error.tls_failure(), Some(failure), "{error}");
            }
            Invalid => {
                let error = self.refusal(&named);
                assert!(error.is_invalid_argument(), "{error}");
            }
            LoginRefused => {
                let error = self.refusal(&named);
                assert!(error.is_permission_denied() && !error.is_tls(), "{error}");
            }
        }
    }

    #[track_caller]
    fn refusal(&self, settings: &str) -> Error {
        let error = self.connect(settings).expect_err("no error");
        assert!(!error.to_string().contains(PASSWORD), "{error}");
        error
    }
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
pub fn sslmode_decides(connect: Connect) {
    let Some(bench) = Bench::start(connect) else {
        return;
    };
    let (own, other) = (Authority::new("own"), Authority::new("other"));
    let own_root = bench.root("own", &own.pem);
    let root = |text: &str| {
        text.replace("OWN", &own_root)
            .replace("OTHER", &bench.root("other", &other.pem))
    };
    let expect = |cases: &[(&str, Expected)]| {
        for &(settings, expected) in cases {
            case(settings, || bench.expect(&root(settings), expected));
        }
    };

    // A server without TLS.
    let not_offered = Refused(TlsFailure::NotOffered);
    expect(&[
        ("", Plain),
        ("host=localhost", Plain),
        ("host=db.example sslmode=disable", Plain),
        ("host=db.example sslmode=allow", Plain),
        ("host=db.example sslmode=prefer", Plain),
        ("host=db.example sslmode=require", not_offered),
        (
            "host=db.example sslmode=verify-ca sslrootcert=OWN",
            not_offered,
        ),
        (
            "host=db.example sslmode=verify-full sslrootcert=OWN",
            not_offered,
        ),
        ("host=db.example", not_offered),
        ("sslmode=require", not_offered),
    ]);

    bench
        .server
        .set_certificate(&own.sign("server", &["db.example", "127.0.0.1"]));
    let untrusted = Refused(TlsFailure::UntrustedIssuer);
    let wrong_host = Refused(TlsFailure::WrongHost);
    expect(&[
        ("", Plain),
        ("host=localhost", Plain),
        ("host=db.example sslmode=disable", Plain),
        ("host=db.example sslmode=allow", Plain),
        ("host=db.example sslmode=prefer", Tls),
        ("host=db.example sslmode=require", Tls),
        (
            "host=db.example sslmode=require ssl_max_protocol_version=TLSv1.2",
            Tls12,
        ),
        (
            "host=db.example sslmode=require ssl_min_protocol_version=TLSv1.3",
            Tls,
        ),
        ("host=db.example sslmode=require sslsni=0", Tls),
        ("host=db_1.example- sslmode=require", Tls),
        ("host=db.example sslmode=verify-ca sslrootcert=OWN", Tls),
        ("host=db.example sslmode=verify-full sslrootcert=OWN", Tls),
        (
            "host=db.example sslmode=verify-full sslrootcert=OWN ssl_max_protocol_version=TLSv1.2",
            Tls12,
        ),
        // The address is in the certificate too.
        ("sslmode=verify-full sslrootcert=OWN", Tls),
        ("host=other.example sslmode=verify-ca sslrootcert=OWN", Tls),
        (
            "host=other.example sslmode=verify-full sslrootcert=OWN",
            wrong_host,
        ),
        (
            "host=localhost sslmode=verify-full sslrootcert=OWN",
            wrong_host,
        ),
        (
            "host=db_1.example- sslmode=verify-full sslrootcert=OWN",
            wrong_host,
        ),
        (
            "host=db.example sslmode=verify-ca sslrootcert=OTHER",
            untrusted,
        ),
        (
            "host=db.example sslmode=verify-full sslrootcert=OTHER",
            untrusted,
        ),
        (
            "host=db.example sslmode=verify-full sslrootcert=system",
            untrusted,
        ),
        // As in libpq, a file of roots is used in the weaker modes too.
        ("host=db.example sslmode=require sslrootcert=OWN", Tls),
        (
            "host=db.example sslmode=require sslrootcert=OTHER",
            untrusted,
        ),
        ("host=db.example sslmode=prefer sslrootcert=OTHER", Plain),
        ("host=db.example sslmode=allow sslrootcert=OTHER", Plain),
        // Without sslmode, every host but this machine is verified, and so is a named authority.
        ("host=db.example", untrusted),
        ("host=db.example sslrootcert=OWN", Tls),
        ("host=other.example sslrootcert=OWN", wrong_host),
        ("sslrootcert=OTHER", untrusted),
        ("host=db.example sslmode=verify-full", Invalid),
        ("host=db.example sslmode=verify-ca", Invalid),
        (
            "host=db.example sslmode=verify-full sslrootcert=/no/such/file",
            Invalid,
        ),
        (
            "host=db.example sslmode=require sslrootcert=system",
            Invalid,
        ),
        (
            "host=db.example sslmode=prefer sslnegotiation=direct",
            Invalid,
        ),
        ("sslnegotiation=direct", Invalid),
    ]);
    let hint = bench.refusal("host=db.example").to_string();
    assert!(
        hint.contains("no sslmode is set") && hint.contains("sslrootcert"),
        "{hint}"
    );

    // The defaults of libpq.
    fs::write(bench.home().join(".postgresql/root.crt"), &own.pem).unwrap();
    expect(&[
        ("host=db.example", Tls),
        ("host=other.example", wrong_host),
        ("host=db.example sslmode=verify-full", Tls),
        (
            "host=db.example sslmode=verify-full sslrootcert=system",
            untrusted,
        ),
        ("", Plain),
    ]);

    let rule = |kind: &str| {
        bench
            .server
            .set_rules(&format!("{kind} all all all password"));
    };
    rule("hostssl");
    expect(&[
        ("host=db.example sslmode=disable", LoginRefused),
        ("host=db.example sslmode=allow", Tls),
        ("host=db.example sslmode=prefer", Tls),
        ("host=db.example sslmode=require", Tls),
        (
            "host=db.example sslmode=prefer password=wrong",
            LoginRefused,
        ),
        ("host=db.example sslmode=allow password=wrong", LoginRefused),
    ]);
    rule("hostnossl");
    expect(&[
        ("host=db.example sslmode=disable", Plain),
        ("host=db.example sslmode=allow", Plain),
        ("host=db.example sslmode=prefer", Plain),
        ("host=db.example sslmode=require", LoginRefused),
    ]);
}

pub fn certificate_is_checked(connect: Connect) {
    let Some(bench) = Bench::start(connect) else {
        return;
    };
    let own = Authority::new("own");
    let root = bench.root("own", &own.pem);
    let full = format!("host=db.example sslmode=verify-full sslrootcert={root}");
    let ca = format!("host=db.example sslmode=verify-ca sslrootcert={root}");

    bench
        .server
        .set_certificate(&own.sign_expired(&["db.example"]));
    let expired = Refused(TlsFailure::Expired);
    bench.expect_all(&[
        (&full, expired),
        (&ca, expired),
        ("host=db.example sslmode=require", Tls),
    ]);

    bench
        .server
        .set_certificate(&own.sign_numbered(&["db.example"], 7));
    let revokes = |number: u64| {
        let list = bench.root(&format!("revoked{number}"), &own.revoke(&[number]));
        format!("{full} sslcrl={list}")
    };
    let foreign = bench.root("foreign", &Authority::new("foreign").revoke(&[7]));
    bench.expect_all(&[
        (&revokes(7), Refused(TlsFailure::Revoked)),
        (&revokes(8), Tls),
        (
            &format!("{full} sslcrl={foreign}"),
            Refused(TlsFailure::Revoked),
        ),
        (&format!("{full} sslcrl={root}"), Invalid),
        (&format!("{full} sslcrl=/no/such/file"), Invalid),
    ]);

    // A certificate that no authority but itself has signed, as `openssl req -x509` makes it.
    let itself = Signed::by_itself(&["db.example"], &PKCS_ECDSA_P384_SHA384);
    bench.server.set_certificate(&itself);
    let named = bench.root("itself", &itself.certificate);
    bench.expect_all(&[
        (&full, Refused(TlsFailure::UntrustedIssuer)),
        (
            &format!("host=db.example sslmode=verify-full sslrootcert={named}"),
            Tls,
        ),
        (
            &format!("host=other.example sslmode=verify-ca sslrootcert={named}"),
            Tls,
        ),
        (
            &format!("host=other.example sslmode=verify-full sslrootcert={named}"),
            Refused(TlsFailure::WrongHost),
        ),
    ]);
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
pub fn client_certificate_is_sent(connect: Connect) {
    let Some(mut bench) = Bench::start(connect) else {
        return;
    };
    let (own, other) = (Authority::new("own"), Authority::new("other"));
    let root = bench.root("own", &own.pem);
    let directory = bench.server.directory().to_owned();
    let full = format!("host=db.example sslmode=verify-full sslrootcert={root}");
    let ours = own.sign("postgres", &[]);
    let mine = format!("{full} {}", ours.write(&directory, "mine"));
    let foreign = format!(
        "{full} {}",
        other.sign("postgres", &[]).write(&directory, "foreign")
    );

    bench
        .server
        .set_certificate(&own.sign("server", &["db.example"]));
    bench.expect_all(&[
        // A server that does not ask.
        (&mine, Tls),
        (&foreign, Tls),
        (
            &format!("{mine} sslcertmode=require"),
            Refused(TlsFailure::ClientCertificate),
        ),
    ]);

    bench.server.set_client_authority(&own.pem);
    bench.server.set_rules("hostssl all all all cert");
    bench.expect_all(&[
        (&mine, Tls),
        (
            &format!("{mine} sslcertmode=require require_auth=none"),
            Tls,
        ),
        (&format!("{mine} ssl_max_protocol_version=TLSv1.2"), Tls12),
        (&foreign, Refused(TlsFailure::ClientCertificate)),
        (
            &format!("{foreign} ssl_max_protocol_version=TLSv1.2"),
            Refused(TlsFailure::ClientCertificate),
        ),
        (&format!("{full} sslcertmode=require"), Invalid),
        (&format!("{mine} sslcert={root}"), Invalid),
        (&format!("{mine} sslkey=/no/such/file"), Invalid),
        (&format!("{mine} sslkey={root}"), Invalid),
        (
            &format!("{mine} sslkey={}", directory.join("foreign.key").display()),
            Invalid,
        ),
        // Another role than the certificate names.
        (&format!("{mine} user=someone"), LoginRefused),
    ]);
    for missing in [full.clone(), format!("{mine} sslcertmode=disable")] {
        let error = bench.refusal(&missing);
        assert_eq!(
            error.tls_failure(),
            Some(TlsFailure::ClientCertificate),
            "{error}"
        );
        assert_eq!(error.code(), Some("28000"), "{error}");
        assert!(
            error.to_string().contains("set sslcert and sslkey"),
            "{error}"
        );
    }

    // As libpq demands: only the owner can read the key, and the group if root owns it.
    let key = directory.join("mine.key");
    for (mode, allowed) in [(0o600, true), (0o400, true), (0o644, false), (0o660, false)] {
        set_mode(&key, mode);
        case(format!("{mode:o}"), || {
            bench.expect(&mine, if allowed { Tls } else { Invalid });
        });
    }
    set_mode(&key, 0o640);
    let owned_by_root = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&key).unwrap()) == 0;
    bench.expect(&mine, if owned_by_root { Tls } else { Invalid });
    set_mode(&key, 0o600);

    // The other sources of settings.
    for (name, text) in [("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", &root)] {
        bench.environment.insert(name, text.to_owned());
    }
    bench.environment.insert(
        "PGSSLCERT",
        directory.join("mine.crt").display().to_string(),
    );
    bench
        .environment
        .insert("PGSSLKEY", key.display().to_string());
    bench.expect("host=db.example", Tls);
    bench
        .environment
        .insert("PGREQUIREAUTH", "scram-sha-256".to_owned());
    bench.expect(
        "host=db.example",
        RefusedMethod(TlsFailure::AuthenticationMethod),
    );
    bench.environment.retain(|&name, _| name == "HOME");
    let default = bench.home().join(".postgresql");
    fs::write(default.join("root.crt"), &own.pem).unwrap();
    fs::write(default.join("postgresql.crt"), &ours.certificate).unwrap();
    write_private(&default.join("postgresql.key"), &ours.key);
    bench.expect("host=db.example", Tls);
    fs::remove_file(default.join("postgresql.key")).unwrap();
    bench.expect("host=db.example", Invalid);
    fs::remove_file(default.join("postgresql.crt")).unwrap();
    fs::remove_file(default.join("root.crt")).unwrap();
    let service = mine.replacen("host=db.example", "[shop]\nhost=db.example", 1);
    fs::write(
        bench.home().join(".pg_service.conf"),
        service.replace(' ', "\n"),
    )
    .unwrap();
    bench.expect("service=shop", Tls);
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The server computes the hash with OpenSSL.
pub fn channel_is_bound_by_each_signature(connect: Connect) {
    let Some(bench) = Bench::start(connect) else {
        return;
    };
    bench.server.set_rules(SCRAM);
    let request = "req -new -x509 -nodes -subj /CN=db.example -keyout key -out certificate";
    for commands in [
        &[&*format!("{request} -newkey rsa:2048 -sha256")][..],
        &[&format!("{request} -newkey rsa:2048 -sha384")],
        &[&format!("{request} -newkey rsa:2048 -sha512")],
        &[&format!(
            "{request} -newkey rsa:2048 -sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1"
        )],
        &[&format!(
            "{request} -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha512"
        )],
        // As the documentation of PostgreSQL makes one, of X.509 version 1 with many versions of OpenSSL.
        &[
            "req -new -nodes -newkey rsa:2048 -subj /CN=db.example -keyout key -out request",
            "x509 -req -in request -signkey key -out certificate",
        ],
    ] {
        case(commands.join("; "), || {
            match Signed::by_openssl(bench.server.directory(), commands) {
                Ok(signed) => bench.server.set_certificate(&signed),
                Err(reason) => return skip(&reason),
            }
            let bound = "host=db.example sslmode=require channel_binding=require";
            bench.expect(bound, Tls);
            bench.expect(&format!("{bound} ssl_max_protocol_version=TLSv1.2"), Tls12);
        });
    }
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
pub fn authentication_is_checked(connect: Connect) {
    let Some(bench) = Bench::start(connect) else {
        return;
    };
    let own = Authority::new("own");
    let encrypted = "host=db.example sslmode=require";
    let refused = Refused(TlsFailure::AuthenticationMethod);
    let unbound = Refused(TlsFailure::ChannelBinding);
    bench
        .server
        .set_certificate(&own.sign("server", &["db.example"]));
    let rule = |method: &str| {
        bench
            .server
            .set_rules(&format!("host all all all {method}"));
    };

    let with = |more: &str| format!("{encrypted} {more}");
    rule("scram-sha-256");
    bench.expect_all(&[
        (&with("require_auth=scram-sha-256"), Tls),
        (&with("require_auth=md5,scram-sha-256"), Tls),
        (&with("require_auth=!password,!none"), Tls),
        (&with("require_auth=md5"), refused),
        (&with("require_auth=!scram-sha-256"), refused),
        (&with("require_auth=none"), refused),
        (&with("require_auth=scram"), Invalid),
        ("require_auth=scram-sha-256", Plain),
        ("require_auth=md5", refused),
        (
            "host=db.example sslmode=prefer require_auth=scram-sha-256",
            Tls,
        ),
        (&with("channel_binding=require"), Tls),
        (
            &with("channel_binding=require require_auth=scram-sha-256"),
            Tls,
        ),
        (&with("channel_binding=disable"), Tls),
        (&with("channel_binding=wrong"), Invalid),
        ("channel_binding=require", Tls),
        (
            "host=db.example sslmode=disable channel_binding=require",
            unbound,
        ),
    ]);
    rule("password");
    bench.expect_all(&[
        (&with(""), Tls),
        (&with("require_auth=password"), Tls),
        (&with("require_auth=scram-sha-256"), refused),
        (&with("require_auth=!password"), refused),
        ("require_auth=scram-sha-256", refused),
        (&with("channel_binding=require"), unbound),
    ]);
    rule("trust");
    bench.expect_all(&[
        (&with("require_auth=none"), Tls),
        (
            &with("require_auth=scram-sha-256"),
            RefusedMethod(TlsFailure::AuthenticationMethod),
        ),
        (
            &with("require_auth=!none"),
            RefusedMethod(TlsFailure::AuthenticationMethod),
        ),
        (
            &with("channel_binding=require"),
            RefusedMethod(TlsFailure::ChannelBinding),
        ),
    ]);
    bench
        .server
        .superuser()
        .batch_execute(&format!(
            "set password_encryption = md5; alter role postgres password '{PASSWORD}'"
        ))
        .unwrap();
    rule("md5");
    bench.expect_all(&[
        (&with("require_auth=md5"), Tls),
        (
            &with("require_auth=scram-sha-256"),
            RefusedMethod(TlsFailure::AuthenticationMethod),
        ),
        (
            &with("channel_binding=require"),
            RefusedMethod(TlsFailure::ChannelBinding),
        ),
    ]);

    bench
        .server
        .superuser()
        .batch_execute(&format!("alter role postgres password '{PASSWORD}'"))
        .unwrap();
    rule("scram-sha-256");
    // By the hash function of the certificate's signature.
    bench
        .server
        .set_certificate(&Signed::by_itself(&[], &PKCS_ECDSA_P384_SHA384));
    bench.expect(&with("channel_binding=require"), Tls);
    // A signature without a hash function, for which libpq gives up.
    bench
        .server
        .set_certificate(&Signed::by_itself(&[], &PKCS_ED25519));
    bench.expect_all(&[
        (&with("channel_binding=require"), unbound),
        (&with("channel_binding=disable"), Tls),
    ]);
}

pub fn proxy_in_between_is_refused(connect: Connect) {
    let Some(bench) = Bench::start(connect) else {
        return;
    };
    let (own, other) = (Authority::new("own"), Authority::new("other"));
    let root = bench.root("own", &own.pem);
    bench
        .server
        .set_certificate(&own.sign("server", &["db.example"]));

    bench.server.set_rules(SCRAM);
    let stripping = StrippingProxy::to(bench.server.port);
    let through = |settings: &str| format!("host=db.example port={} {settings}", stripping.port);
    let mut requests = Vec::new();
    for settings in [
        "sslmode=require",
        &format!("sslmode=verify-ca sslrootcert={root}"),
        &format!("sslmode=verify-full sslrootcert={root}"),
        &format!("sslrootcert={root}"),
        "",
    ] {
        case(settings, || {
            bench.expect(&through(settings), Refused(TlsFailure::NotOffered));
        });
        // The request for TLS, and nothing after it.
        requests.extend(SSL_REQUEST);
        assert_eq!(stripping.sent(), requests);
    }
    // What `prefer` is worth.
    bench.expect(&through("sslmode=prefer"), Plain);

    // The proxy has a certificate of an authority that the client trusts, or the client asks for none.
    let port = terminating_proxy(
        bench.server.port,
        &own.sign("proxy", &["db.example"]),
        &own.pem,
    );
    let through = |settings: &str| format!("host=db.example port={port} {settings}");
    for settings in [
        "sslmode=require",
        "sslmode=require channel_binding=require",
        &format!("sslmode=verify-full sslrootcert={root}"),
    ] {
        case(settings, || {
            let error = bench.refusal(&through(settings));
            assert_eq!(
                error.tls_failure(),
                Some(TlsFailure::ChannelBinding),
                "{error}"
            );
        });
    }
    bench.expect(&through("sslmode=require channel_binding=disable"), Tls);

    let port = terminating_proxy(
        bench.server.port,
        &other.sign("proxy", &["db.example"]),
        &own.pem,
    );
    bench.expect(
        &format!("host=db.example port={port} sslmode=verify-full sslrootcert={root}"),
        Refused(TlsFailure::UntrustedIssuer),
    );
}

pub fn handshake_may_begin_at_once(connect: Connect) {
    // 17 and later know it. The other tests may run on an older one.
    for server in [TlsServer::start(), TlsServer::of_version(18)] {
        if let Some(bench) = Bench::with(server, connect) {
            handshake_begins_at_once_on(&bench);
        }
    }
}

fn handshake_begins_at_once_on(bench: &Bench) {
    bench
        .server
        .set_certificate(&Authority::new("own").sign("server", &["db.example"]));
    let version: String = value(&mut bench.server.superuser(), "show server_version_num");
    let direct = "host=db.example sslmode=require sslnegotiation=direct";
    if version.parse::<u32>().unwrap() < 170_000 {
        bench.expect(direct, Refused(TlsFailure::NotOffered));
    } else {
        bench.server.set_rules(SCRAM);
        bench.expect(direct, Tls);
        bench.expect(&format!("{direct} channel_binding=require"), Tls);
        bench.server.set("ssl", "off");
        bench.expect(direct, Refused(TlsFailure::NotOffered));
    }
}

pub fn application_brings_its_connector(connect: Connect) {
    let Some(bench) = Bench::start(connect) else {
        return;
    };
    let (own, other) = (Authority::new("own"), Authority::new("other"));
    bench.server.set_rules(SCRAM);
    let by = |root: &Authority, settings: &str| {
        let connector = OwnConnector::trusting(&root.pem);
        let settings = bench.settings(&format!("{settings} application_name=own_connector"));
        (bench.connect)(&settings.unwrap().connector(connector))
    };
    let failure =
        |root: &Authority, settings: &str| by(root, settings).expect_err("no error").tls_failure();
    assert_eq!(
        failure(&own, "host=db.example"),
        Some(TlsFailure::NotOffered)
    );
    bench
        .server
        .set_certificate(&own.sign("server", &["db.example", "127.0.0.1"]));
    for (settings, tls) in [
        ("host=db.example", "TLSv1.3"),
        ("host=db.example sslmode=require", "TLSv1.3"),
        ("host=db.example sslmode=prefer", "TLSv1.3"),
        // Who brings a connector wants TLS on a loopback address too.
        ("", "TLSv1.3"),
        ("host=db.example sslmode=disable", "none"),
    ] {
        case(settings, || {
            let _open = by(&own, settings).unwrap_or_else(|error| panic!("{error}"));
            // The connections of the cases before may still be there.
            wait_until("the connection is the only one", || {
                bench.server.tls_of("own_connector") == [tls]
            });
        });
    }
    let handshake = Some(TlsFailure::Handshake);
    assert_eq!(failure(&other, "host=db.example"), handshake);
    assert_eq!(failure(&own, "host=other.example"), handshake);
    let unbound = "host=db.example channel_binding=require";
    assert_eq!(failure(&own, unbound), Some(TlsFailure::ChannelBinding));
    let refused = "host=db.example require_auth=md5";
    assert_eq!(
        failure(&own, refused),
        Some(TlsFailure::AuthenticationMethod)
    );
    let ignored = by(&own, "host=db.example sslrootcert=/no/such/file");
    assert!(ignored.expect_err("no error").is_invalid_argument());
}

/// Opens a store by the driver's own configuration, with a connector or without.
pub type Open = fn(Config, Option<OwnConnector>) -> Result<Box<dyn Any>, Error>;

pub fn driver_configuration_is_protected(open: Open) {
    let server = match TlsServer::start() {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    let own = Authority::new("own");
    server.set_certificate(&own.sign("server", &["db.example", "127.0.0.1"]));
    let config = |host: Option<&str>, mode: SslMode| {
        let mut config = Config::new();
        config
            .hostaddr([127, 0, 0, 1].into())
            .port(server.port)
            .user("postgres")
            .password(PASSWORD)
            .dbname("postgres")
            .application_name("by_config")
            .ssl_mode(mode);
        if let Some(host) = host {
            config.host(host);
        }
        config
    };
    let example = Some("db.example");
    let ours = || Some(OwnConnector::trusting(&own.pem));
    for (name, config, connector, tls) in [
        ("loopback", config(None, SslMode::Prefer), None, "none"),
        ("no TLS", config(example, SslMode::Disable), None, "none"),
        (
            "connector",
            config(example, SslMode::Prefer),
            ours(),
            "TLSv1.3",
        ),
        (
            "and address",
            config(None, SslMode::Require),
            ours(),
            "TLSv1.3",
        ),
        (
            "not used",
            config(example, SslMode::Disable),
            ours(),
            "none",
        ),
    ] {
        case(name, || {
            let _open = open(config, connector).unwrap_or_else(|error| panic!("{error}"));
            wait_until("the connection is the only one", || {
                server.tls_of("by_config") == [tls]
            });
        });
    }
    for (name, refused) in [
        ("another host", config(example, SslMode::Prefer)),
        ("TLS on a loopback address", config(None, SslMode::Require)),
    ] {
        case(name, || {
            let error = open(refused, None).expect_err("no error");
            // Not an authority of the system.
            assert_eq!(
                error.tls_failure(),
                Some(TlsFailure::UntrustedIssuer),
                "{error}"
            );
        });
    }
    let mut mixed = Config::new();
    mixed.host_path("/tmp").host("db.example").user("postgres");
    let error = open(mixed, None).expect_err("no error");
    assert!(error.is_invalid_argument(), "{error}");
}

/// Starts a server with a store that sends notifications, to which every connection by TCP has TLS. Returns how the runtime role
/// connects.
pub fn server_with_store(application_name: &str) -> Option<(TlsServer, String)> {
    let server = TlsServer::start().map_err(|reason| skip(&reason)).ok()?;
    let own = Authority::new("own");
    server.set_certificate(&own.sign("server", &["db.example"]));
    server.set_rules("hostssl all all all password");
    let mut client = server.superuser();
    for file in files("sql/released", "sql") {
        client.batch_execute(&read(&file)).unwrap();
    }
    client
        .batch_execute(&format!(
            "select * from public.correct_web();
             alter role nodepg password '{PASSWORD}';
             update web.settings set notify_channel = 'ended'"
        ))
        .unwrap();
    let root = server.directory().join("own.pem");
    fs::write(&root, &own.pem).unwrap();
    let url = format!(
        "{} user=nodepg host=db.example sslmode=verify-full sslrootcert={} application_name={application_name}",
        server.url(),
        root.display()
    );
    Some((server, url))
}
