//! What happens to servers: they crash, are promoted, stand still.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::PoisonError;

use rustix::process::{Pid, Signal, kill_process};

use super::{Cluster, LIMIT, PORTS_MAX, as_server_user, ask, free_port};
use crate::Ran;

impl Cluster {
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        super::log_in(&self.dir)
    }

    /// A server that follows this one, and has all that it has.
    #[track_caller]
    pub fn standby(&self) -> Cluster {
        let ports = std::iter::repeat_with(free_port).take(PORTS_MAX);
        match Cluster::start(&self.programs, ports, Some(self.port)) {
            Ok(standby) => standby,
            Err(why) => panic!("no standby: {why}"),
        }
    }

    /// Stops it as a loss of power does: nobody is told, and nothing is written any more.
    #[track_caller]
    pub fn crash(&self) {
        self.control(&["stop", "-m", "immediate", "-w"]);
    }

    /// Starts it after a crash, at the same port.
    #[track_caller]
    pub fn recover(&mut self) {
        let answers = self
            .answers
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let answer = ask(&mut self.keeper, answers, self.port);
        assert_eq!(answer, "started", "--- log\n{}", self.log());
    }

    /// Makes a primary of a standby.
    #[track_caller]
    pub fn promote(&self) {
        self.control(&["promote", "-w"]);
    }

    #[track_caller]
    fn control(&self, args: &[&str]) {
        let mut command = Command::new(self.programs.join("pg_ctl"));
        command
            .args(args)
            .arg("-D")
            .arg(self.data())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null());
        as_server_user(&mut command).expect("it has been started");
        let ran = Ran::of(command, LIMIT);
        assert_eq!(ran.code, 0, "{ran}\n--- log\n{}", self.log());
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Has all of its processes stand still until the answer is dropped. Connections stay open, and
    /// the kernel goes on to say that all is well.
    #[track_caller]
    pub fn freeze(&self) -> Frozen {
        let lock = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let first = lock.lines().next().and_then(|line| line.parse().ok());
        let first = first.and_then(Pid::from_raw).expect("a process id");
        let mut frozen = Frozen(Vec::new());
        frozen.stop(first);
        // It makes no more of them now.
        for child in children_of(first) {
            frozen.stop(child);
        }
        frozen
    }
}

/// Processes that stand still. They go on when this is dropped.
#[derive(Debug)]
pub struct Frozen(Vec<Pid>);

impl Frozen {
    fn stop(&mut self, process: Pid) {
        if kill_process(process, Signal::STOP).is_ok() {
            self.0.push(process);
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for process in &self.0 {
            let _ = kill_process(*process, Signal::CONT);
        }
    }
}

fn children_of(parent: Pid) -> Vec<Pid> {
    let of = format!("PPid:\t{}\n", parent.as_raw_nonzero());
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let children = entries.filter_map(|entry| {
        let process = entry.file_name().to_str()?.parse().ok()?;
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        status.contains(&of).then(|| Pid::from_raw(process))?
    });
    children.collect()
}

#[cfg(test)]
mod tests {
    use crate::{cluster, eventually};
    use std::time::Duration;

    #[test]
    fn a_server_recovers_from_a_crash_with_what_was_committed() {
        let Some(mut cluster) = cluster() else { return };
        let database = cluster.database();
        database.sql("create table words (word text); insert into words values ('kept')");
        cluster.crash();
        assert_ne!(database.try_sql("select 1").code, 0);
        cluster.recover();
        assert_eq!(database.sql("select word from words"), "kept\n");
    }

    #[test]
    fn a_standby_follows_and_is_promoted() {
        let Some(primary) = cluster() else { return };
        let database = primary.database();
        let standby = primary.standby();
        let copy = database.at(&standby);
        database.sql("create table words (word text); insert into words values ('told')");
        eventually(Duration::from_secs(30), || {
            copy.try_sql("select word from words").stdout == "told\n"
        });
        assert_ne!(copy.try_sql("delete from words").code, 0);
        primary.crash();
        standby.promote();
        copy.sql("delete from words");
    }

    #[test]
    fn a_frozen_server_answers_when_it_goes_on() {
        let Some(cluster) = cluster() else { return };
        let database = cluster.database();
        let frozen = cluster.freeze();
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| database.sql("select 1"));
            std::thread::sleep(Duration::from_millis(200));
            assert!(!asking.is_finished());
            drop(frozen);
            assert_eq!(asking.join().unwrap(), "1\n");
        });
    }
}
