//! Measures how fast this machine runs flows, and whether another build of this program is
//! faster. Returns figures and prints nothing: `orch-host bench` prints them.
//!
//! Everything is real: databases of its own beside the user's, with their fsyncs; workers, in
//! this process or in processes of this very program; sandboxes. Only the workload is made
//! up.
//!
//! ```text
//! Workload (a row) --measure--> samples of one round --summary--> figures
//!     |
//!     `- on a bed of the ground: a home with a database and the component
//!          here      a worker in this process
//!          granted   the same, and the tasks have a grant
//!          outside   a worker in this process, and flows whose tasks call a server
//!          apart     a worker in another process
//!          unparked  the same, and waiting flows leave memory at once
//!          fresh     one for this round only
//!          served    a server in another process, asked over loopback connections
//!
//! against another build: `PROGRAM bench ROW` of both in turns --compare--> ratios
//! ```

mod apart;
mod api_read;
mod api_start;
mod archive;
mod backlog;
mod bed;
mod blob;
mod figures;
mod filling;
mod finished;
mod follow;
mod followed;
mod ground;
mod http;
mod instances;
mod large_runs;
mod machine;
mod outside;
mod process;
mod program;
mod ratios;
mod replaying;
mod rounds;
mod runs;
mod served;
mod settings;
mod suspended;
mod turns;
mod workloads;

pub use bed::{Open, Opened};
pub use figures::{Figure, Spread, Unit};
pub use machine::Machine;
pub use program::{Unusable, Why};
pub use ratios::Compared;
pub use rounds::{Plan, Row, Step, measure};
pub use settings::Settings;
pub use turns::{ComparedRow, Comparison, LeftOut, against};
pub use workloads::Workload;
