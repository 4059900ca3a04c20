//! Encrypts secrets, under a key that is not in the database.
//!
//! ```text
//! ORCH_SECRET_KEY_FILE, ORCH_SECRET_KEY, or a file in ORCH_HOME --> Keys
//! value --Key::seal, with name and version bound in--> SealedSecret --> database
//! database --> SealedSecret --Keys::open, by the id of its key--> value
//! ```
//!
//! The cipher is XChaCha20-Poly1305, whose nonces are long enough to be drawn at random. Values
//! and keys are wiped from memory when they are dropped.

mod cipher;
mod keys;

pub use cipher::{Key, Unsealed};
pub use keys::{KEY_FILE_VARIABLE, KEY_VARIABLE, Keys, VaultError};

/// A value that is wiped when it is dropped.
pub type Value = zeroize::Zeroizing<Vec<u8>>;

/// The longest secret, in bytes.
pub const SECRET_MAX: usize = 64 << 10;
