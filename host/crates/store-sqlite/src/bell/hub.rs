//! The listeners of this process.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;

use super::receiver::{Place, Receiver};
use super::socket::{TOPICS, directory};
use crate::writer::Nudge;
use store::{Listener, StoreResult, Topic};

/// The listeners of this process.
pub(crate) struct Hub {
    topics: [watch::Sender<()>; 2],
    /// Weak, so that a receiver ends with its last listener.
    receivers: Mutex<[Weak<Receiver>; 2]>,
    pub(super) database: PathBuf,
    /// Begins the names of this store's sockets, so that it does not ring at itself.
    pub(super) name: String,
    receivers_made: AtomicU64,
    safety_net: Option<Duration>,
    /// To the writer of this process, whose waiting claims look when others ring.
    nudge: OnceLock<Nudge>,
}

impl Hub {
    pub(crate) fn new(database: PathBuf, safety_net: Option<Duration>) -> Self {
        Self {
            topics: TOPICS.map(|_| watch::Sender::new(())),
            receivers: Mutex::default(),
            database,
            name: uuid::Uuid::now_v7().simple().to_string(),
            receivers_made: AtomicU64::new(0),
            safety_net,
            nudge: OnceLock::new(),
        }
    }

    /// Also tells this writer of what other processes have made ready.
    pub(crate) fn nudge_too(&self, nudge: Nudge) {
        let _ = self.nudge.set(nudge);
    }

    /// Another process has rung, or may have.
    fn heard(&self, topic: Topic) {
        if topic == Topic::Ready
            && let Some(nudge) = self.nudge.get()
        {
            nudge.look();
        }
        self.ring(topic);
    }

    pub(super) fn ring(&self, topic: Topic) {
        self.topics[topic as usize].send_replace(());
    }

    pub(crate) fn listen(self: &Arc<Self>, topic: Topic) -> StoreResult<BellListener> {
        // Before the receiver opens, so that nothing falls in between.
        let heard = self.topics[topic as usize].subscribe();
        let mut receivers = self
            .receivers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let receiver = match receivers[topic as usize].upgrade() {
            Some(receiver) => receiver,
            None => {
                let receiver = Arc::new(self.open(topic)?);
                receivers[topic as usize] = Arc::downgrade(&receiver);
                receiver
            }
        };
        Ok(BellListener {
            heard,
            _receiver: receiver,
        })
    }
}

impl Hub {
    /// Begins to hear other processes.
    fn open(self: &Arc<Self>, topic: Topic) -> StoreResult<Receiver> {
        let number = self.receivers_made.fetch_add(1, Ordering::Relaxed);
        let hub = Arc::downgrade(self);
        let receive = move |is_news: bool| {
            let hub = hub.upgrade();
            if let Some(hub) = &hub
                && is_news
            {
                hub.heard(topic);
            }
            hub.is_some()
        };
        let place = Place {
            database: &self.database,
            directory: directory(&self.database, topic),
            name: format!("{}-{number}", self.name),
        };
        Receiver::open(&place, self.safety_net, receive)
    }
}

/// A listener on a database.
pub struct BellListener {
    heard: watch::Receiver<()>,
    _receiver: Arc<Receiver>,
}

#[async_trait::async_trait]
impl Listener for BellListener {
    async fn heard(&mut self) {
        if self.heard.changed().await.is_err() {
            // The store is closed: nothing will ever happen again.
            std::future::pending::<()>().await;
        }
    }
}
