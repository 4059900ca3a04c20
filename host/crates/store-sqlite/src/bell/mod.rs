//! Wake-ups: within the process, and between the processes that share a database.
//!
//! ```text
//! <database>.run/bells/ready/<socket>     one socket for each listening store and topic
//! <database>.run/bells/change/<socket>
//!
//! writer --commit--> Hub (own process)  ------------------------> Listener
//!           |                                                         ^
//!           +-----> Ringer --datagram--> socket --> Receiver (thread) +
//!                                                    ^
//!                          PRAGMA data_version ------+  once a second
//! ```
//!
//! A ring carries no data: it means "look". It never blocks the writer: a ring that does not
//! fit into a full socket is not needed, since another waits there already. The look at
//! `data_version` is the safety net, for what is lost or for a file system without sockets.
//! A directory without listeners costs one `stat` a commit.

mod hub;
mod receiver;
mod ringer;
mod socket;

pub use self::hub::BellListener;
pub(super) use self::hub::Hub;
pub(super) use self::ringer::Ringer;
