//! How processes hear of each other's changes.
//!
//! ```text
//! writer --commit with NOTIFY--> PostgreSQL --> the listening connection of other processes
//!    |                                                  |
//!    +------------- listeners of this process <---------+----- a look each second
//! ```
//!
//! A notification that is lost costs a second: listeners look again after so long without one. They
//! do nothing else where the database is reached through what passes no notifications on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::poll_fn;
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_postgres::AsyncMessage;
use uuid::Uuid;

use crate::connect::Shared;
use crate::error::Pg;
use crate::writer::Nudge;
use orchestrator::lifecycle::News;
use store::{Listener, Topic};

/// How often listeners look without having been told.
const SAFETY_NET: Duration = Duration::from_secs(1);

/// Between two tries to connect.
const RETRY: Duration = Duration::from_millis(500);

/// The listeners of this process.
pub(crate) struct Hub {
    topics: [watch::Sender<()>; 2],
    connector: Shared,
    handle: Handle,
    /// Goes with each notification, so that this process does not wake itself.
    name: String,
    is_listening: AtomicBool,
    /// To the writer of this process, whose waiting claims look when others ring.
    nudge: OnceLock<Nudge>,
}

impl Hub {
    pub(crate) fn new(connector: Shared, handle: &Handle) -> Arc<Self> {
        Arc::new(Self {
            topics: [watch::Sender::new(()), watch::Sender::new(())],
            connector,
            handle: handle.clone(),
            name: Uuid::now_v7().simple().to_string(),
            is_listening: AtomicBool::new(false),
            nudge: OnceLock::new(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Also tells this writer of what other processes have made ready.
    pub(crate) fn nudge_too(&self, nudge: Nudge) {
        let _ = self.nudge.set(nudge);
    }

    /// Tells the listeners of this process.
    pub(crate) fn announce(&self, news: News) {
        if news.ready {
            self.ring(Topic::Ready);
        }
        if news.change {
            self.ring(Topic::Change);
        }
    }

    fn ring(&self, topic: Topic) {
        self.topics[topic as usize].send_replace(());
    }

    /// Another process has rung, or may have.
    fn heard(&self, news: News) {
        if news.ready
            && let Some(nudge) = self.nudge.get()
        {
            nudge.look();
        }
        self.announce(news);
    }

    /// Hears other processes from now on.
    pub(crate) fn hear(self: &Arc<Self>) {
        if !self.is_listening.swap(true, Ordering::AcqRel) {
            self.handle.spawn(hear(Arc::downgrade(self)));
        }
    }

    pub(crate) fn listen(self: &Arc<Self>, topic: Topic) -> BellListener {
        let heard = self.topics[topic as usize].subscribe();
        self.hear();
        BellListener(heard)
    }
}

/// A listener on a database.
pub(crate) struct BellListener(watch::Receiver<()>);

#[async_trait]
impl Listener for BellListener {
    async fn heard(&mut self) {
        if self.0.changed().await.is_err() {
            // The store is closed: nothing will ever happen again.
            std::future::pending::<()>().await;
        }
    }
}

/// Listens for as long as the store is there, and connects again when the connection is lost.
async fn hear(hub: Weak<Hub>) {
    let mut is_told = false;
    while let Some(here) = hub.upgrade() {
        let connector = Arc::clone(&here.connector);
        drop(here);
        let pause = if connector.can_listen() {
            let heard = connected(&hub, &connector, &mut is_told).await;
            if let Err(fault) = heard
                && !std::mem::replace(&mut is_told, true)
            {
                connector.cannot_listen(&fault.told());
            }
            RETRY
        } else {
            if !std::mem::replace(&mut is_told, true) {
                tracing::warn!(
                    "the database is behind a pooler, which passes no notifications on: what \
                     others do is looked for each second (`--listen-url` names the database itself)"
                );
            }
            SAFETY_NET
        };
        tokio::time::sleep(pause).await;
        // What happened meanwhile was not heard.
        let Some(here) = hub.upgrade() else { return };
        here.heard(News::READY);
    }
}

async fn connected(hub: &Weak<Hub>, connector: &Shared, is_told: &mut bool) -> Pg<()> {
    let (client, mut connection) = connector.listening().await?;
    let mut messages = poll_fn(move |context| connection.poll_message(context)).boxed();
    let listen = client.batch_execute("LISTEN orch_host");
    futures::pin_mut!(listen);
    let mut is_set = false;
    loop {
        let message = tokio::select! {
            done = &mut listen, if !is_set => {
                done?;
                is_set = true;
                *is_told = false;
                // What happened before was not heard.
                continue;
            }
            message = tokio::time::timeout(SAFETY_NET, messages.try_next()) => message,
        };
        let Some(hub) = hub.upgrade() else {
            return Ok(());
        };
        match message {
            // Nothing was said for a while.
            Err(_) => hub.heard(News::READY),
            Ok(Ok(Some(AsyncMessage::Notification(it)))) => {
                let payload = it.payload();
                let (what, sender) = payload.split_at_checked(1).unwrap_or((payload, ""));
                if sender != hub.name {
                    hub.heard(if what == "r" {
                        News::READY
                    } else {
                        News::CHANGE
                    });
                }
            }
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error.into()),
        }
    }
}
