//! Password files.

use super::{Directory, ok};

#[cfg(unix)]
#[test]
fn passfile_returns_the_password_of_the_host() {
    let home = Directory::new();
    let at_home = [("HOME", home.0.to_str().unwrap())];
    let text =
        "a:5432:d:u:first\na:5432:d:u:second\nlocalhost:*:*:u:socket\n/tmp:*:*:u:other socket\n";
    home.file(".pgpass", text, 0o600);

    let password = |text: &str| {
        let config = ok(text, &at_home).to_config().unwrap();
        config
            .get_password()
            .map(|p| String::from_utf8(p.to_vec()).unwrap())
    };
    assert_eq!(password("host=a dbname=d user=u").as_deref(), Some("first"));
    assert_eq!(
        password("host=/var/run/postgresql user=u").as_deref(),
        Some("socket")
    );
    assert_eq!(
        password("host=/tmp user=u").as_deref(),
        Some("other socket")
    );
    assert_eq!(
        password("host=a dbname=d user=u password=given").as_deref(),
        Some("given")
    );
    assert_eq!(password("host=b dbname=d user=u"), None);

    // One configuration has one password.
    assert!(
        ok("host=a,/tmp dbname=d user=u", &at_home)
            .to_config()
            .is_err()
    );
    let source = ok("host=a dbname=d user=u", &at_home)
        .password_source()
        .unwrap();
    assert!(source.contains(".pgpass"), "{source}");

    // As in libpq, a file that other users may read is ignored with a warning.
    home.file(".pgpass", text, 0o640);
    let open = ok("host=a dbname=d user=u", &at_home);
    assert_eq!(open.to_config().unwrap().get_password(), None);
    assert_eq!(open.warnings().len(), 1);
    assert!(open.warnings()[0].contains("0600"));
    assert!(
        ok("host=a dbname=d user=u password=x", &at_home)
            .warnings()
            .is_empty()
    );

    let elsewhere = home.file("passwords", "*:*:*:*:elsewhere", 0o400);
    let config = ok("host=a", &[("PGPASSFILE", &elsewhere)])
        .to_config()
        .unwrap();
    assert_eq!(config.get_password(), Some(b"elsewhere".as_slice()));
}

#[cfg(unix)]
#[test]
fn password_file_is_read_at_each_connect() {
    let directory = Directory::new();
    let path = directory.file("password", "one\r\nignored\n", 0o644);
    let reading = ok("host=a password=weaker", &[("PGPASSWORD", "weakest")]).password_file(&path);
    assert_eq!(
        reading.to_config().unwrap().get_password(),
        Some(b"one".as_slice())
    );
    directory.file("password", "two", 0o644);
    assert_eq!(
        reading.to_config().unwrap().get_password(),
        Some(b"two".as_slice())
    );
    directory.file("password", "\n", 0o644);
    assert!(reading.to_config().is_err());
    std::fs::remove_file(&path).unwrap();
    let error = reading.to_config().unwrap_err().to_string();
    assert!(error.contains(&path), "{error}");
}
