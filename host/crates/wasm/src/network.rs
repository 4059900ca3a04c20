//! The network of one instance: what its deployment was granted, and nothing else.
//!
//! ```text
//! guest --name--> look_up: granted? --resolver--> addresses --not private, or granted--> guest
//!                                                    | kept, with the name
//! guest --address--> may_connect: granted itself, or kept for a granted name, with its port?
//! ```
//!
//! The host looks names up itself, and takes no address from the guest on trust: the address
//! that was checked is the one that is connected to. A name that is not granted is not looked
//! up at all, since a question to a name server carries data out as well as a connection does.
//!
//! What was refused is kept for the failure of the instance, which then says what would grant
//! it: an error code of WASI has no room for words.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use sync_wrapper::SyncFuture;
use tokio::sync::Semaphore;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::sockets::SocketAddrUse;

use super::gate::Gate;
use super::reach::Reach;
use model::{Grants, HttpScheme};

/// Names, each with one of its addresses, that are kept for one instance.
const NAMES_MAX: usize = 1000;

/// The longest name of a host, in bytes (RFC 1035, section 2.3.4).
const NAME_MAX: usize = 253;

/// Questions to the system that are open at once, of all instances of the process.
static QUESTIONS: Semaphore = Semaphore::const_new(64);

/// What an instance may reach, and what it was told of addresses.
pub(super) struct Network {
    reach: Reach,
    is_flow: bool,
    pub gate: Gate,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The names that led to an address.
    names: HashMap<IpAddr, Vec<String>>,
    /// How many these are.
    told: usize,
    /// Where a connection was last made to, or tried.
    tried: Option<String>,
    refused: Option<String>,
}

/// Why a name has no addresses for a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAddress {
    Refused,
    /// It is no name of a host.
    Invalid,
    Unknown,
}

impl Network {
    /// Of a task.
    pub fn of(grants: &Grants, gate: Gate) -> Self {
        Self {
            reach: Reach::of(grants),
            is_flow: false,
            gate,
            state: Mutex::default(),
        }
    }

    /// Of a flow, which reaches nothing.
    pub fn none() -> Self {
        Self {
            is_flow: true,
            ..Self::of(&Grants::default(), Gate::closed())
        }
    }

    /// Whether there is anything that the guest may connect to.
    pub fn is_open(&self) -> bool {
        self.reach.is_open()
    }

    /// Keeps that a socket was refused, because there is nothing that it could connect to.
    pub fn refuse_socket(&self) {
        self.refuse("a TCP socket was refused", || {
            "`--allow-http HOST` or `--allow-tcp HOST:PORT` grants connections".to_owned()
        });
    }

    /// Whether a request may be sent, to a name in small letters or to an address.
    pub fn may_request(&self, scheme: HttpScheme, host: &str, port: u16) -> bool {
        if self.reach.takes_request(scheme, host, port) {
            return true;
        }
        let bracketed = match host.parse() {
            Ok(IpAddr::V6(_)) => format!("[{host}]"),
            _ => host.to_owned(),
        };
        let place = if scheme.port() == port {
            bracketed
        } else {
            format!("{bracketed}:{port}")
        };
        self.refuse(
            &format!("a request to `{scheme}://{place}` was refused"),
            || format!("`--allow-http {place}` grants it"),
        );
        false
    }

    /// What was refused last, and what would grant it.
    pub fn take_refusal(&self) -> Option<String> {
        self.lock().refused.take()
    }

    /// The addresses of a name that the guest may connect to.
    pub async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, NoAddress> {
        let name = match url::Host::parse(name) {
            Ok(url::Host::Domain(name)) => name,
            Ok(url::Host::Ipv4(address)) => return Ok(vec![address.into()]),
            Ok(url::Host::Ipv6(address)) => return Ok(vec![address.into()]),
            Err(_) => match name.parse() {
                Ok(address) => return Ok(vec![address]),
                Err(_) => return Err(NoAddress::Invalid),
            },
        };
        let name = name.strip_suffix('.').unwrap_or(&name);
        if name.len() > NAME_MAX {
            return Err(NoAddress::Invalid);
        }
        if !self.reach.takes_name(name) {
            return Err(self.refuse(&format!("`{name}` was not looked up"), || {
                format!("`--allow-http {name}` or `--allow-tcp {name}:PORT` grants it")
            }));
        }
        if self.lock().told >= NAMES_MAX {
            let what = format!("`{name}` was not looked up");
            return Err(self.refuse(&what, || {
                format!("the limit on one instance is {NAMES_MAX} names")
            }));
        }
        self.gate.pass().await;
        let found = resolve(name.to_owned()).await;
        let found = found.map_err(|err| {
            tracing::debug!(name, %err, "a name was not found");
            NoAddress::Unknown
        })?;
        let is_open = |address: &&IpAddr| self.reach.may_lead_to(name, **address);
        let open: Vec<IpAddr> = found.iter().filter(is_open).copied().collect();
        let mut state = self.lock();
        let State { names, told, .. } = &mut *state;
        for address in &open {
            let names = names.entry(*address).or_default();
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
                *told += 1;
            }
        }
        drop(state);
        match (found.first(), open.is_empty()) {
            (Some(private), true) => Err(self.refuse_private(name, *private)),
            _ => Ok(open),
        }
    }

    /// Where the guest has last tried to connect to.
    pub fn tried(&self) -> Option<String> {
        self.lock().tried.clone()
    }

    /// Whether the guest may connect to an address.
    pub fn may_connect(&self, to: SocketAddr) -> bool {
        let address = to.ip().to_canonical();
        let names = self.lock().names.get(&address).cloned().unwrap_or_default();
        if self.reach.takes_address(address, to.port(), &names) {
            let place = SocketAddr::new(address, to.port());
            self.lock().tried = Some(match names.first() {
                Some(name) => format!("connecting to `{name}:{}`", to.port()),
                None => format!("connecting to `{place}`"),
            });
            return true;
        }
        let place = match names.first() {
            Some(name) => format!("{name}:{}", to.port()),
            None => SocketAddr::new(address, to.port()).to_string(),
        };
        self.refuse(&format!("a connection to `{place}` was refused"), || {
            format!("`--allow-tcp {place}` grants it")
        });
        false
    }

    /// Keeps that a granted name led into the own network.
    pub fn refuse_private(&self, name: &str, private: IpAddr) -> NoAddress {
        let what = format!("`{name}` is {private}, which is no public address, and so");
        let what = format!("{what} it was not given to the task");
        self.refuse(&what, || {
            format!("`--allow-private`, or `--allow-tcp {private}:PORT`, grants it")
        })
    }

    fn refuse(&self, what: &str, grants: impl Fn() -> String) -> NoAddress {
        let said = if self.is_flow {
            format!("{what}: a flow reaches nothing outside; let a task of it do this")
        } else {
            format!("{what}: the deployment was not granted it; {}", grants())
        };
        self.lock().refused = Some(said);
        NoAddress::Refused
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is changed")
    }
}

/// Asks the system, which answers from a thread that cannot be told to stop: so only so many
/// questions are open at once, also those that nobody waits for any more.
pub(super) async fn resolve(name: String) -> io::Result<Vec<IpAddr>> {
    let place = QUESTIONS.acquire().await.expect("it is never closed");
    let answer = tokio::spawn(async move {
        let _place = place;
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|found| found.ip().to_canonical()).collect())
    });
    answer.await.map_err(io::Error::other)?
}

/// Lets connections be made that the network allows, and nothing else: no listening, no UDP.
pub(super) fn open(wasi: &mut WasiCtxBuilder, network: &Arc<Network>) {
    wasi.allow_udp(false)
        .allow_tcp(network.is_open())
        // Names are looked up by the network itself.
        .allow_ip_name_lookup(false);
    if !network.is_open() {
        return;
    }
    let network = Arc::clone(network);
    wasi.socket_addr_check(move |address, wish| {
        let network = Arc::clone(&network);
        let allowed = async move {
            match wish {
                SocketAddrUse::TcpConnect if network.may_connect(address) => {
                    network.gate.pass().await;
                    true
                }
                // The system binds a socket before it connects. Listening stays refused.
                SocketAddrUse::TcpBind => address.ip().is_unspecified() && address.port() == 0,
                _ => false,
            }
        };
        Box::pin(SyncFuture::new(allowed))
    });
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::{BoxFuture, ready};

    use super::*;
    use crate::port::{BlobReader, BlobWriter, CallResult, SecretText, TaskPort};
    use model::{BlobRef, Json, SecretName, VariableName};

    /// Everything is recorded already.
    struct Recorded;

    impl TaskPort for Recorded {
        fn recorded(&self) -> BoxFuture<'_, ()> {
            ready(()).boxed()
        }

        fn variable(&self, _: VariableName) -> BoxFuture<'_, CallResult<Option<Json>>> {
            unreachable!("nobody asks")
        }

        fn artifact(&self, _: model::NewArtifact) -> BoxFuture<'_, ()> {
            unreachable!("nothing makes one")
        }

        fn secret(&self, _: SecretName) -> BoxFuture<'_, CallResult<SecretText>> {
            unreachable!("nobody asks")
        }

        fn write_blob(&self) -> BoxFuture<'_, CallResult<Box<dyn BlobWriter>>> {
            unreachable!("nobody asks")
        }

        fn read_blob(&self, _: BlobRef) -> BoxFuture<'_, CallResult<Box<dyn BlobReader>>> {
            unreachable!("nobody asks")
        }
    }

    fn network(http: &[&str], tcp: &[&str], private: bool) -> Network {
        let texts = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect();
        let grants = Grants {
            http: texts(http),
            tcp: texts(tcp),
            private,
            ..Grants::default()
        };
        Network::of(&grants, Gate::of(Arc::new(Recorded)))
    }

    #[test]
    fn only_the_granted_address_and_port_are_reached() {
        let reaches = |grant: &str, address: &str| {
            network(&[grant], &[], false).may_connect(address.parse().unwrap())
        };
        assert!(reaches("127.0.0.1:8080", "127.0.0.1:8080"));
        assert!(!reaches("127.0.0.1:8080", "127.0.0.1:8081"));
        assert!(!reaches("127.0.0.1:8080", "127.0.0.2:8080"));
        assert!(reaches("127.0.0.1:8080", "[::ffff:127.0.0.1]:8080"));
        assert!(reaches("127.0.0.1", "127.0.0.1:443"));
        assert!(!reaches("127.0.0.1", "127.0.0.1:22"));
        assert!(!reaches("https://127.0.0.1", "127.0.0.1:80"));
        assert!(reaches("localhost:8080", "127.0.0.1:8080"));
        assert!(reaches("*", "192.0.2.1:443"));
        assert!(!reaches("*", "127.0.0.1:443"));
        assert!(!reaches("*", "169.254.169.254:80"));
        assert!(reaches("*:8765", "192.0.2.1:8765"));
        // A name that was not looked up leads nowhere.
        assert!(!reaches("example.com", "192.0.2.1:443"));
    }

    #[test]
    fn any_host_is_one_of_the_own_network_only_if_that_is_granted() {
        let at = "10.0.0.1:80".parse().unwrap();
        assert!(!network(&["*"], &[], false).may_connect(at));
        assert!(network(&["*"], &[], true).may_connect(at));
        assert!(!network(&[], &[], true).may_connect(at));
        assert!(network(&[], &["10.0.0.1:80"], false).may_connect(at));
    }

    #[tokio::test]
    async fn a_name_is_looked_up_if_it_is_granted() {
        let network = network(&["localhost:8080"], &[], false);
        let found = network.look_up("LOCALHOST.").await.unwrap();
        assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty());
        assert_eq!(network.take_refusal(), None);
        assert!(network.may_connect(SocketAddr::new(found[0], 8080)));
        assert!(!network.may_connect(SocketAddr::new(found[0], 8081)));
        assert_eq!(
            network.take_refusal().unwrap(),
            "a connection to `localhost:8081` was refused: the deployment was not granted it; \
             `--allow-tcp localhost:8081` grants it"
        );
        let refused = network.look_up("secret.data.example.com").await;
        assert_eq!(refused, Err(NoAddress::Refused));
        assert_eq!(
            network.take_refusal().unwrap(),
            "`secret.data.example.com` was not looked up: the deployment was not granted it; \
             `--allow-http secret.data.example.com` or `--allow-tcp secret.data.example.com:PORT` \
             grants it"
        );
        // An address is none that has to be looked up.
        assert_eq!(
            network.look_up("192.0.2.1").await,
            Ok(vec!["192.0.2.1".parse().unwrap()])
        );
        assert_eq!(network.look_up("a b").await, Err(NoAddress::Invalid));
    }

    #[test]
    fn a_flow_is_told_who_may() {
        let network = Network::none();
        assert!(!network.may_connect("192.0.2.1:443".parse().unwrap()));
        assert_eq!(
            network.take_refusal().unwrap(),
            "a connection to `192.0.2.1:443` was refused: a flow reaches nothing outside; let a \
             task of it do this"
        );
    }
}
