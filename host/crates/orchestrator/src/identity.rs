//! How a call is known again in another attempt of its run, where it has another position.
//!
//! ```text
//! call ------ positions in it replaced by the names of those calls ------> Identity
//! Identity + ordinal among equals ---------------------------------------> Name
//! ```
//!
//! A call refers to others by their positions in the journal: a task to those whose results
//! it takes, everything in a subflow to the call that began it. Positions shift as soon as an
//! attempt makes one call more or less than the one before it, so they cannot tell what a
//! call is. Names do not shift: they follow from what was asked, all the way up.
//!
//! The time at which a run is to be started is left out: most flows compute it from the
//! current time, and a child is the same child all the same.

use std::collections::{HashMap, HashSet};
use std::fmt;

use sha2::{Digest as _, Sha256};

use model::{Argument, Call, Seq, TaskCall};

/// What a call asked, apart from positions: equal for all calls that ask the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity([u8; 16]);

impl Identity {
    /// Of a call that refers to no other one.
    pub fn without_positions(call: &Call) -> Option<Self> {
        if takes_a_name(call) && positions(call).is_empty() {
            Some(Self::of(call, &[]))
        } else {
            None
        }
    }

    fn of(call: &Call, upstream: &[String]) -> Self {
        let mut hash = Sha256::new();
        // A call is data that always has a text.
        let text = serde_json::to_vec(&nowhere(call)).unwrap_or_default();
        hash.update(text);
        for name in upstream {
            hash.update(b"\n");
            hash.update(name);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Self(id)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One of the calls that ask the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    pub identity: Identity,
    pub ordinal: u32,
}

impl Name {
    /// What [`Display`](fmt::Display) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (hex, ordinal) = text.split_once('#')?;
        let mut id = [0; 16];
        if hex.len() != 2 * id.len() || !hex.is_ascii() {
            return None;
        }
        for (at, byte) in id.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Self {
            identity: Identity(id),
            ordinal: ordinal.parse().ok()?,
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.identity, self.ordinal)
    }
}

/// The names of the calls that an attempt has made so far. No two have the same name, nor
/// has one the name of a kept call that it did not take.
#[derive(Debug, Default)]
pub struct Identities {
    names: HashMap<Seq, Name>,
    ordinals: HashMap<Identity, Ordinals>,
}

#[derive(Debug, Default)]
struct Ordinals {
    kept: HashSet<u32>,
    /// All below it are taken or kept.
    next: u32,
}

impl Identities {
    /// The identity of the next call. None if nothing refers to calls of its kind.
    pub fn of(&self, call: &Call) -> Option<Identity> {
        if !takes_a_name(call) {
            return None;
        }
        let name = |seq: &Seq| match self.names.get(seq) {
            Some(name) => name.to_string(),
            None => "unknown".to_owned(),
        };
        let upstream: Vec<String> = positions(call).iter().map(name).collect();
        Some(Identity::of(call, &upstream))
    }

    /// Leaves a name to what is kept under it.
    pub fn keep(&mut self, name: &Name) {
        let ordinals = self.ordinals.entry(name.identity).or_default();
        ordinals.kept.insert(name.ordinal);
    }

    /// The first name of this identity that nothing is kept under.
    pub fn reserve(&mut self, identity: Identity) -> Name {
        let ordinals = self.ordinals.entry(identity).or_default();
        let free = (0..).find(|ordinal| !ordinals.kept.contains(ordinal));
        Name {
            identity,
            ordinal: free.unwrap_or(u32::MAX),
        }
    }

    /// A name for a call that takes nothing.
    pub fn next(&mut self, identity: Identity) -> Name {
        let ordinals = self.ordinals.entry(identity).or_default();
        while ordinals.kept.contains(&ordinals.next) {
            ordinals.next += 1;
        }
        let ordinal = ordinals.next;
        ordinals.next += 1;
        Name { identity, ordinal }
    }

    /// Names the call at `seq`, for those that refer to it.
    pub fn set(&mut self, seq: Seq, name: Name) {
        self.names.insert(seq, name);
    }
}

/// Whether an outcome of such a call may be kept, or another call may refer to it.
fn takes_a_name(call: &Call) -> bool {
    match call {
        Call::Task(_)
        | Call::RunDeployment(_)
        | Call::WatchRun { .. }
        | Call::Subflow { .. }
        | Call::Timer { .. }
        | Call::TakeSlots { .. }
        | Call::Input { .. } => true,
        Call::GetRun { .. }
        | Call::GetVariable { .. }
        | Call::Artifact { .. }
        | Call::EndSubflow { .. }
        | Call::WithdrawInput { .. }
        | Call::GiveSlotsBack { .. }
        | Call::CancelTask { .. }
        | Call::Cancelled { .. }
        | Call::WaitAny => false,
    }
}

/// The positions in a call, in a fixed order.
fn positions(call: &Call) -> Vec<Seq> {
    match call {
        Call::Task(call) => call.needs().chain(call.scope).collect(),
        Call::RunDeployment(request) => request.scope.into_iter().collect(),
        Call::Subflow { scope, .. }
        | Call::Input { scope, .. }
        | Call::TakeSlots { scope, .. }
        | Call::Artifact { scope, .. } => scope.iter().copied().collect(),
        _ => Vec::new(),
    }
}

/// The call with all that differs between attempts put to the same.
fn nowhere(call: &Call) -> Call {
    const NOWHERE: Seq = Seq(0);
    let mut call = call.clone();
    match &mut call {
        Call::Task(TaskCall {
            arguments,
            wait_for,
            scope,
            ..
        }) => {
            for (_, argument) in arguments {
                match argument {
                    Argument::Value(_) => {}
                    Argument::ResultOf(seq) => *seq = NOWHERE,
                    Argument::ResultsOf(seqs) => seqs.fill(NOWHERE),
                }
            }
            wait_for.fill(NOWHERE);
            *scope = scope.map(|_| NOWHERE);
        }
        Call::RunDeployment(request) => {
            request.scheduled = None;
            request.scope = request.scope.map(|_| NOWHERE);
        }
        Call::Subflow { scope, .. }
        | Call::Input { scope, .. }
        | Call::TakeSlots { scope, .. }
        | Call::Artifact { scope, .. } => {
            *scope = scope.map(|_| NOWHERE);
        }
        _ => {}
    }
    call
}
