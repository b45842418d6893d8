//! A file system of the server is full.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use postgres::error::SqlState;

use super::load;
use super::stores::{DATABASE, Stores, assert_no_connection_left, server_with_store, url};
use super::table::{add_row, times};
use crate::support::copied_server::succeeded;
use crate::support::skip::skip;
use crate::support::temporary_directory::TemporaryDirectory;
use crate::support::wait::wait_until;

/// A small file system in memory. Dropping it unmounts it.
struct SmallFileSystem(TemporaryDirectory);

impl SmallFileSystem {
    /// Mounts one that the server's user may write. Returns the reason if this user may not mount.
    fn mount(megabytes: u32) -> Result<Self, String> {
        let directory = TemporaryDirectory::new();
        let options = format!("size={megabytes}m,mode=0777");
        succeeded(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
                .arg(directory.path())
                .output(),
        )
        .map_err(|reason| format!("no small file system: {reason}"))?;
        Ok(SmallFileSystem(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file until the file system is full.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = File::create(&path).unwrap();
        for size in [64 * 1024, 4096, 1] {
            while file.write(&vec![0; size]).is_ok_and(|written| written > 0) {}
        }
        path
    }
}

impl Drop for SmallFileSystem {
    fn drop(&mut self) {
        Command::new("umount")
            .arg("--lazy")
            .arg(self.path())
            .status()
            .ok();
    }
}

#[test]
#[ignore = "bin/test faults"]
fn full_disk_of_table_returns_53100_and_loses_nothing() {
    let times = times(2, 5);
    let disk = match SmallFileSystem::mount(64) {
        Ok(disk) => disk,
        Err(reason) => return skip(&reason),
    };
    let mut server = match server_with_store(&[]) {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    let space = disk.path().join("space");
    fs::create_dir(&space).unwrap();
    succeeded(
        Command::new("chown")
            .arg("--reference")
            .arg(server.data())
            .arg(&space)
            .output(),
    )
    .unwrap();
    let mut superuser = server.connect(DATABASE);
    let create = format!("create tablespace small location '{}'", space.display());
    superuser.batch_execute(&create).unwrap();
    superuser
        .batch_execute("alter table web.session set tablespace small")
        .unwrap();
    let stores = Stores::new(&url(&[&server]));
    let report = load::run(&stores.clients(), false, |load| {
        for _ in 0..times {
            load.wait_for_changes(200);
            load.fault(|| {
                let filler = disk.fill();
                load.wait_for_error(SqlState::DISK_FULL.code());
                load.wait_for_errors();
                fs::remove_file(filler).unwrap();
            });
            load.look_for_ended(&mut superuser);
        }
    });
    drop(stores);
    assert_no_connection_left(&mut superuser);
    let fault = "file system of the table full";
    add_row(5, fault, times, &report);
    report.assert_nothing_lost();
}

// The server panics, ends all its processes, and may be unable to start before there is room.
#[test]
#[ignore = "bin/test faults"]
fn full_disk_of_log_loses_nothing() {
    const SETTINGS: [&str; 2] = ["min_wal_size=32MB", "max_wal_size=64MB"];
    let times = times(1, 5);
    let disk = match SmallFileSystem::mount(256) {
        Ok(disk) => disk,
        Err(reason) => return skip(&reason),
    };
    let mut server = match server_with_store(&SETTINGS) {
        Ok(server) => server,
        Err(reason) => return skip(&reason),
    };
    server.stop();
    let log = server.data().join("pg_wal");
    for command in [
        Command::new("cp")
            .args(["--recursive", "--preserve"])
            .arg(&log)
            .arg(disk.path()),
        Command::new("rm").arg("-r").arg(&log),
        Command::new("ln")
            .arg("-s")
            .arg(disk.path().join("pg_wal"))
            .arg(&log),
    ] {
        succeeded(command.output()).unwrap();
    }
    server.start(&SETTINGS).unwrap();
    let stores = Stores::new(&url(&[&server]));
    let report = load::run(&stores.clients(), false, |load| {
        for _ in 0..times {
            load.wait_for_changes(200);
            load.fault(|| {
                let mut superuser = server.connect(DATABASE);
                let filler = disk.fill();
                // Each switch needs a new segment, unless an old one is left to be used again.
                wait_until("the server panics", || {
                    superuser.execute("select pg_switch_wal()", &[]).ok();
                    superuser
                        .batch_execute("create table if not exists more (n int); drop table more")
                        .ok();
                    server.log().contains("PANIC")
                });
                fs::remove_file(filler).unwrap();
                server.recover(&SETTINGS);
            });
            load.look_for_ended(&mut server.connect(DATABASE));
            // The next fault is looked for in the log of a new start.
            load.fault(|| {
                server.stop();
                server.start(&SETTINGS).unwrap();
            });
        }
    });
    drop(stores);
    assert_no_connection_left(&mut server.connect("postgres"));
    let fault = "file system of the write-ahead log full: the server panics";
    add_row(6, fault, times, &report);
    report.assert_nothing_lost();
}
