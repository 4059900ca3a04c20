//! How a worker is told to stop: an argument, not a global.

use tokio::sync::watch;

/// How urgently to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    Run,
    /// Claim no more, finish what is being executed.
    Drain,
    /// Give everything back at once.
    Stop,
}

/// The receiving half: what is to be stopped holds it.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<Urgency>);

/// The sending half.
#[derive(Clone, Debug)]
pub struct ShutdownHandle(watch::Sender<Urgency>);

impl Shutdown {
    pub fn new() -> (ShutdownHandle, Self) {
        let (tell, hear) = watch::channel(Urgency::Run);
        (ShutdownHandle(tell), Self(hear))
    }

    pub fn urgency(&self) -> Urgency {
        *self.0.borrow()
    }

    /// Returns once it is at least that urgent. Never returns if the sending half is gone.
    pub async fn at_least(&mut self, urgency: Urgency) {
        if self.0.wait_for(|now| *now >= urgency).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl ShutdownHandle {
    /// Becomes more urgent, never less.
    pub fn tell(&self, urgency: Urgency) {
        self.0.send_if_modified(|now| {
            let more = urgency > *now;
            *now = urgency.max(*now);
            more
        });
    }
}
