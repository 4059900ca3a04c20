//! Machines with addresses and links of their own, as network namespaces of this machine.
//!
//! ```text
//! [machine 0]--link--.
//! [machine 1]--link--+--bridge: a relay --> a server on this machine's loopback
//! [machine 2]--link--'
//! ```
//!
//! A link that is down loses what is sent over it and tells nobody, as a cable does that is pulled.

use std::fmt::Display;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::Ran;

/// How long one `ip` may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Some machines, and a bridge between them. All goes away when this is dropped.
#[derive(Debug)]
pub struct Network {
    /// The bridge's, and the beginning of all others. Interfaces have names of 15 letters at most.
    name: String,
    machines: usize,
    relay: u16,
    subnet: [u8; 2],
    scripts: TempDir,
}

impl Network {
    /// So many machines, which reach what listens at `port` of this machine's loopback, at
    /// [`address`](Self::address). None, which is said, where namespaces are not allowed.
    #[track_caller]
    pub fn of(machines: usize, port: u16) -> Option<Self> {
        if let Err(why) = Command::new("ip").arg("-V").output() {
            eprintln!("left out: machines with links of their own; `ip`: {why}");
            return None;
        }
        let pid = std::process::id();
        let mut network = Self {
            name: format!("orch{pid}"),
            machines: 0,
            relay: 0,
            subnet: [201, u8::try_from(pid % 250).expect("it is below 250")],
            scripts: tempfile::tempdir().unwrap(),
        };
        let (first, bridge) = (network.namespace(0), network.name.clone());
        let made = ip(&["link", "add", &bridge, "type", "bridge"])
            .and_then(|()| ip(&["netns", "add", &first]));
        if let Err(why) = made {
            eprintln!("left out: machines with links of their own; {}", why.trim());
            return None;
        }
        let _ = ip(&["netns", "del", &first]);
        let address = format!("{}/24", network.address());
        must(&["addr", "add", &address, "dev", &bridge]);
        must(&["link", "set", &bridge, "up"]);
        for _ in 0..machines {
            network.add();
        }
        let listener = TcpListener::bind((network.address(), 0)).unwrap();
        network.relay = listener.local_addr().unwrap().port();
        thread::spawn(move || relay(&listener, port));
        Some(network)
    }

    /// The next machine, whose link is up.
    fn add(&mut self) {
        let number = self.machines;
        self.machines += 1;
        let (namespace, link) = (self.namespace(number), self.link(number));
        must(&["netns", "add", &namespace]);
        let pair = ["type", "veth", "peer", "name", "eth0", "netns", &namespace];
        must(&[&["link", "add", link.as_str()][..], &pair].concat());
        must(&["link", "set", &link, "master", &self.name, "up"]);
        let within = |args: &[&str]| must(&[&["-n", namespace.as_str()], args].concat());
        let [b, c] = self.subnet;
        let address = format!("10.{b}.{c}.{}/24", number + 2);
        within(&["addr", "add", &address, "dev", "eth0"]);
        within(&["link", "set", "eth0", "up"]);
        within(&["link", "set", "lo", "up"]);
    }

    /// The address of the relay for all machines.
    pub fn address(&self) -> Ipv4Addr {
        let [b, c] = self.subnet;
        Ipv4Addr::new(10, b, c, 1)
    }

    /// The port of the relay.
    pub fn port(&self) -> u16 {
        self.relay
    }

    /// What runs `program` on a machine: with the same arguments and the same process id.
    pub fn program(&self, machine: usize, program: impl AsRef<Path>) -> PathBuf {
        let script = self.scripts.path().join(machine.to_string());
        let text = format!(
            "#!/bin/sh\nexec ip netns exec {} '{}' \"$@\"\n",
            self.namespace(machine),
            program.as_ref().display()
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        script
    }

    /// Takes a machine's link down.
    pub fn cut(&self, machine: usize) {
        must(&["link", "set", &self.link(machine), "down"]);
    }

    /// Brings it up again.
    pub fn mend(&self, machine: usize) {
        must(&["link", "set", &self.link(machine), "up"]);
    }

    fn namespace(&self, machine: impl Display) -> String {
        format!("{}-{machine}", self.name)
    }

    fn link(&self, machine: impl Display) -> String {
        format!("{}v{machine}", self.name)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for machine in 0..self.machines {
            let _ = ip(&["netns", "del", &self.namespace(machine)]);
            // A namespace stays until the kernel has given up what was to be sent over a dead link.
            let _ = ip(&["link", "del", &self.link(machine)]);
        }
        let _ = ip(&["link", "del", &self.name]);
    }
}

/// Passes connections on to a port of the loopback, for as long as the process runs.
fn relay(listener: &TcpListener, port: u16) {
    let pass = |mut from: TcpStream, mut to: TcpStream| {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    };
    for inward in listener.incoming().map_while(Result::ok) {
        let Ok(outward) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
            continue;
        };
        for stream in [&inward, &outward] {
            let _ = stream.set_nodelay(true);
        }
        if let (Ok(answers), Ok(asks)) = (outward.try_clone(), inward.try_clone()) {
            pass(asks, outward);
            pass(answers, inward);
        }
    }
}

#[track_caller]
fn must(args: &[&str]) {
    if let Err(why) = ip(args) {
        panic!("ip {args:?}: {why}");
    }
}

/// Runs `ip`. Errs with what it says.
fn ip(args: &[&str]) -> Result<(), String> {
    let mut command = Command::new("ip");
    command.args(args).stdin(Stdio::null());
    let ran = Ran::of(command, LIMIT);
    if ran.code == 0 {
        Ok(())
    } else {
        Err(ran.stderr)
    }
}
