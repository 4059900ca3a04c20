//! Which queue is meant.

use crate::cli::completions;
use model::{PoolName, QueueName};

#[derive(Debug, clap::Args)]
pub struct QueueArgs {
    /// Its name
    #[arg(add = completions::queues())]
    pub name: QueueName,
    /// The work pool that it is of
    #[arg(short, long, default_value = "default-pool")]
    #[arg(add = completions::pools())]
    pub pool: PoolName,
}
