//! The hosts of an address, tried one after the other.
//!
//! The driver does so, too, but waits without a limit for a host that can be reached and says nothing.
//! A primary server that stands still would keep everybody from its standby, which was promoted.

use std::time::Duration;

use deadpool_postgres::Connect;
use futures::future::BoxFuture;
use rand::seq::SliceRandom as _;
use tokio::task::JoinHandle;
use tokio_postgres::config::LoadBalanceHosts;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Error, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A connection as the driver makes it: what asks, and what has to be polled for that.
pub(crate) type Made = (
    Client,
    Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>,
);

pub(super) struct Hosts {
    each: Vec<Config>,
    tls: MakeRustlsConnect,
    /// How long one of them may take.
    within: Duration,
}

impl Hosts {
    pub(super) fn new(each: &[Config], tls: MakeRustlsConnect, within: Duration) -> Self {
        Self {
            each: each.to_vec(),
            tls,
            within,
        }
    }

    /// The first that answers as it should. Never comes to an end if none has answered at all: the
    /// caller has a limit of its own.
    pub(super) async fn connected(&self) -> Result<Made, Error> {
        let mut order: Vec<&Config> = self.each.iter().collect();
        let is_random = |it: &&Config| it.get_load_balance_hosts() == LoadBalanceHosts::Random;
        if order.iter().any(is_random) {
            order.shuffle(&mut rand::rng());
        }
        let mut refused = None;
        for config in order {
            let connecting = config.connect(self.tls.clone());
            match tokio::time::timeout(self.within, connecting).await {
                Ok(Ok(made)) => return Ok(made),
                Ok(Err(error)) => refused = Some(error),
                Err(_) => {}
            }
        }
        match refused {
            Some(error) => Err(error),
            None => std::future::pending().await,
        }
    }
}

impl Connect for Hosts {
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        Box::pin(async move {
            let (client, connection) = self.connected().await?;
            let polling = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection has ended");
                }
            });
            Ok((client, polling))
        })
    }
}

/// The same address with each of its hosts alone.
pub(super) fn apart(address: &str) -> Vec<String> {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    let alone = |host| format!("{scheme}://{user}{host}{rest}");
    hosts.split(',').map(alone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_the_rest_of_the_address() {
        #[track_caller]
        fn check(address: &str, expect: &[&str]) {
            assert_eq!(apart(address), expect, "{address}");
        }
        check("postgres://db/flows", &["postgres://db/flows"]);
        check(
            "postgres://me:a%2Cb@one:1,[::1]:2,two/flows?connect_timeout=3",
            &[
                "postgres://me:a%2Cb@one:1/flows?connect_timeout=3",
                "postgres://me:a%2Cb@[::1]:2/flows?connect_timeout=3",
                "postgres://me:a%2Cb@two/flows?connect_timeout=3",
            ],
        );
        check("postgres://one,two", &["postgres://one", "postgres://two"]);
    }
}
