//! Asks a process to compile or to describe, and tells what became of it.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout};

use super::spawn::{self, Process};
use super::wire::{Answer, HEAD_MAX, Order, Settings, Work, head, split};
use crate::ComponentError;
use crate::halt::bytes;
use crate::patience::{ASK_AGAIN, WAIT_MAX, is_for_now};

/// A description ends by itself, in its process. This is for starting that.
const STARTING: Duration = Duration::from_secs(10);
/// How much is kept of what a process says before it dies.
const SAID_MAX: usize = 4 << 10;
/// What Rust's allocator says before it ends a process that gets no memory.
const NO_MEMORY: &str = "memory allocation of";

/// Something to be done by a process of its own.
pub(super) struct Question<'a> {
    pub work: Work,
    pub settings: &'a Settings,
}

/// How the conversation with a process ended.
enum Heard {
    /// Everything it had to say.
    All(Vec<u8>),
    TooMuch,
    TooLate,
}

impl Question<'_> {
    /// The answer, and what follows it.
    pub async fn ask(
        &self,
        program: &Path,
        input: Vec<u8>,
    ) -> Result<(Answer, Vec<u8>), ComponentError> {
        let host = |err: io::Error| ComponentError::Host(err.to_string());
        let Process {
            stdin,
            stdout,
            stderr,
            life,
        } = start(program).await.map_err(host)?;
        let order = head(&Order {
            work: self.work,
            parent: std::process::id(),
            settings: self.settings.clone(),
        });
        let talk = async {
            tokio::join!(
                spawn::feed(stdin, [&order, &input]),
                spawn::hear_beginning(stderr, SAID_MAX),
                spawn::hear(stdout, self.answer_max())
            )
        };
        let (heard, said) = match timeout(self.patience(), talk).await {
            Err(_) => (Heard::TooLate, Vec::new()),
            Ok((fed, said, heard)) => {
                fed.map_err(host)?;
                let said = said.map_err(host)?;
                match heard.map_err(host)? {
                    Some(heard) => (Heard::All(heard), said),
                    None => (Heard::TooMuch, said),
                }
            }
        };
        match heard {
            Heard::TooLate => Err(self.took_too_long(self.time_max(), "time")),
            Heard::TooMuch => Err(self.answered_too_much()),
            Heard::All(message) => match whole(&message) {
                Some(answer) => Ok(answer),
                None => Err(self.died(life.end().await.map_err(host)?, &said)),
            },
        }
    }

    fn answer_max(&self) -> usize {
        match self.work {
            Work::Compile => HEAD_MAX + self.settings.compile_limits.code_max,
            Work::Describe => HEAD_MAX,
        }
    }

    /// By the clock.
    fn time_max(&self) -> Duration {
        match self.work {
            Work::Compile => self.settings.compile_limits.time_max,
            Work::Describe => self.settings.describe_limits.time_max,
        }
    }

    /// How long an answer is waited for.
    fn patience(&self) -> Duration {
        match self.work {
            Work::Compile => self.time_max(),
            Work::Describe => self.time_max() + STARTING,
        }
    }

    fn answered_too_much(&self) -> ComponentError {
        match self.work {
            Work::Compile => ComponentError::Compiling {
                took: format!(
                    "more than {} of code",
                    bytes(self.settings.compile_limits.code_max)
                ),
                limit: "compiled code".into(),
            },
            Work::Describe => ComponentError::Describe(format!(
                "it described more than {}, which is the limit on a component's description of itself",
                bytes(HEAD_MAX)
            )),
        }
    }

    fn took_too_long(&self, max: Duration, of: &str) -> ComponentError {
        match self.work {
            Work::Compile => ComponentError::Compiling {
                took: format!("longer than {max:?}"),
                limit: format!("the {of} for compiling").into(),
            },
            Work::Describe => ComponentError::Describe(format!(
                "it took longer than {max:?}, which is the limit on the {of} of a component's description of itself"
            )),
        }
    }

    /// The process ended without an answer.
    fn died(&self, status: ExitStatus, said: &[u8]) -> ComponentError {
        let said = String::from_utf8_lossy(said);
        let said = said.trim();
        let by = |signal: Signal| status.signal() == Some(signal.as_raw());
        if by(Signal::XCPU) {
            let limits = self.settings;
            let max = match self.work {
                Work::Compile => limits.compile_limits.compute_max,
                Work::Describe => limits.describe_limits.compute_max,
            };
            return self.took_too_long(max, "processor time");
        }
        if by(Signal::ABORT) && said.contains(NO_MEMORY) {
            return self.took_too_much_memory();
        }
        let said = if said.is_empty() {
            "it said nothing".to_owned()
        } else {
            format!("it said: {}", said.lines().next().unwrap_or_default())
        };
        match self.work {
            Work::Compile => ComponentError::Crashed(format!("{status}; {said}")),
            Work::Describe => {
                ComponentError::Describe(format!("its process ended with {status}; {said}"))
            }
        }
    }

    fn took_too_much_memory(&self) -> ComponentError {
        let max = bytes(self.settings.compile_limits.memory_max);
        match self.work {
            Work::Compile => ComponentError::Compiling {
                took: format!("more than {max} of memory"),
                limit: "the memory for compiling".into(),
            },
            Work::Describe => ComponentError::Describe(format!(
                "its code took more than {max} of memory, which is the limit on the memory for compiling"
            )),
        }
    }
}

/// Starts a process. What the machine lacks for the moment is waited for.
async fn start(program: &Path) -> io::Result<Process> {
    let begin = Instant::now();
    loop {
        match spawn::start(program).await {
            Err(err) if is_for_now(&err) && begin.elapsed() < WAIT_MAX => {
                tracing::warn!(%err, "there is no process to compile with; trying again");
                sleep(ASK_AGAIN).await;
            }
            started => return started,
        }
    }
}

/// An answer of which nothing is missing.
fn whole(message: &[u8]) -> Option<(Answer, Vec<u8>)> {
    let (answer, rest) = split::<Answer>(message)?;
    let expected = match answer {
        Answer::Code { bytes } => bytes,
        Answer::Manifest(_) | Answer::Refused(_) => 0,
    };
    (rest.len() == expected).then(|| (answer, rest.to_vec()))
}
