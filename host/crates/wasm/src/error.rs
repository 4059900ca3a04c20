//! Why a file is not a component that this host can run.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Why bytes cannot be deployed. The text says what is wrong, `hint` what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum ComponentError {
    #[error("it is empty")]
    Empty,
    #[error("it is not WebAssembly: it begins with {0}")]
    NotWasm(String),
    #[error("it is a core module, not a component")]
    CoreModule,
    #[error("it is truncated or damaged: {0}")]
    Invalid(String),
    #[error("it is a component of another world: it does not export `orch:workflow/guest`")]
    OtherWorld,
    #[error("it was built for version {found} of `orch:workflow`, this host speaks {ours}")]
    OtherVersion {
        found: String,
        ours: Cow<'static, str>,
    },
    #[error("it imports `{0}`, which this host does not provide")]
    Import(String),
    #[error("it declares the {kind} `{name}`: {reason}")]
    Declaration {
        kind: Cow<'static, str>,
        name: String,
        reason: String,
    },
    /// It consists of more than a component may.
    #[error("it has {has}; the limit on {limit} is {max}")]
    TooLarge {
        has: String,
        limit: Cow<'static, str>,
        max: String,
    },
    /// Its instances need more than one instance is given.
    #[error("an instance of it takes too much: {0}")]
    Instance(String),
    /// Compiling it took more than that may take.
    #[error("compiling took {took}, the limit on {limit}")]
    Compiling {
        took: String,
        limit: Cow<'static, str>,
    },
    /// The process that compiled it died of it.
    #[error("compiling it crashed the compiler: {0}")]
    Crashed(String),
    /// The component misbehaved while it described itself.
    #[error("it could not describe itself: {0}")]
    Describe(String),
    /// It was not the component: the machine has no process to look at it with.
    #[error("this machine could not check it: {0}")]
    Host(String),
}

impl ComponentError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty | Self::NotWasm(_) | Self::Invalid(_) => {
                "build the crate with `cargo build --release --target wasm32-wasip2` and deploy target/wasm32-wasip2/release/<crate>.wasm"
            }
            Self::CoreModule => {
                "build for the target `wasm32-wasip2`, which makes components, with `crate-type = [\"cdylib\"]`"
            }
            Self::OtherWorld => {
                "a flow crate depends on `guest-sdk` and has at least one `#[flow]`"
            }
            Self::OtherVersion { .. } => "build it against the `guest-sdk` of this host's version",
            Self::Import(_) => "flows and tasks import only WASI 0.2 and `orch:workflow`",
            Self::Declaration { .. } => "change the declaration in `#[flow(..)]` or `#[task(..)]`",
            Self::TooLarge { .. } | Self::Instance(_) => {
                "split what it does among several components; a release build is smaller, too"
            }
            Self::Compiling { .. } => {
                "large functions, such as generated ones, take most of it: split them; `--compile-limit` gives compiling more time"
            }
            Self::Crashed(_) => "a release build, or other versions of its tools, may avoid it",
            Self::Describe(_) => {
                "code that runs before any flow, such as a static initialiser, must neither fail nor compute for long"
            }
            Self::Host(_) => "try again when the machine has less to do",
        }
    }
}
