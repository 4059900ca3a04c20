//! A key, and what is done with it.

use std::fmt;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use data_encoding::{BASE64, HEXLOWER};
use model::{KeyId, SealedSecret, SecretName, Timestamp};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::Value;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
/// So much of its hash tells keys apart, in bytes.
const ID_BYTES: usize = 8;

/// A key.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; KEY_BYTES]>);

/// Why a secret cannot be read with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it does not fit its name, its version and its key: something has changed it")]
pub struct Unsealed;

impl Key {
    /// A new one.
    pub fn new() -> Self {
        Self(Zeroizing::new(rand::random()))
    }

    /// Of 32 bytes in base64.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64.decode(text.trim().as_bytes()).ok()?);
        let key = bytes.as_slice().try_into().ok()?;
        Some(Self(Zeroizing::new(key)))
    }

    /// As [`parse`](Self::parse) reads it.
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64.encode(&*self.0))
    }

    pub fn id(&self) -> KeyId {
        let mut hash = Sha256::new();
        // Not the hash of the key alone, which may be used elsewhere.
        hash.update(b"orch-host key id\0");
        hash.update(*self.0);
        KeyId(HEXLOWER.encode(&hash.finalize()[..ID_BYTES]))
    }

    /// Encrypts a value as this version of this secret.
    pub fn seal(
        &self,
        name: &SecretName,
        version: u64,
        value: &[u8],
        now: Timestamp,
    ) -> SealedSecret {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let aad = bound(name, version);
        let payload = Payload {
            msg: value,
            aad: &aad,
        };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload);
        // It errs only for values of many gigabytes.
        let sealed = sealed.expect("a secret is small");
        SealedSecret {
            name: name.clone(),
            version,
            key: self.id(),
            sealed: [nonce.as_slice(), &sealed].concat(),
            updated: now,
        }
    }

    /// The value of a secret.
    pub fn open(&self, secret: &SealedSecret) -> Result<Value, Unsealed> {
        let (nonce, sealed) = secret
            .sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(Unsealed)?;
        let aad = bound(&secret.name, secret.version);
        let payload = Payload {
            msg: sealed,
            aad: &aad,
        };
        let value = self.cipher().decrypt(&XNonce::from(*nonce), payload);
        value.map(Zeroizing::new).map_err(|_| Unsealed)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id())
    }
}

/// What a sealed value belongs to, so that no row can take the place of another.
fn bound(name: &SecretName, version: u64) -> Vec<u8> {
    [&version.to_be_bytes()[..], name.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> SecretName {
        SecretName::new(name).unwrap()
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let key = Key::new();
        assert_eq!(Key::parse(&key.text()).unwrap().id(), key.id());
        assert_ne!(Key::new().id(), key.id());
        for wrong in ["", "short", &"A".repeat(44), &key.text()[1..]] {
            assert!(Key::parse(wrong).is_none(), "{wrong}");
        }
        assert_eq!(format!("{key:?}"), format!("Key({})", key.id()));
    }

    proptest::proptest! {
        #[test]
        fn what_was_sealed_is_opened_and_nothing_else(
            value in proptest::collection::vec(0_u8.., 0..200),
            version in 1..u64::MAX,
            bit in 0_usize..100_000,
        ) {
            let key = Key::new();
            let sealed = key.seal(&name("token"), version, &value, Timestamp(7));
            assert_eq!(&*key.open(&sealed).unwrap(), &value);
            let opens = |secret: &SealedSecret| key.open(secret).is_ok();
            let mut other = sealed.clone();
            other.name = name("other");
            assert!(!opens(&other));
            let mut other = sealed.clone();
            other.version = version + 1;
            assert!(!opens(&other));
            let mut other = sealed.clone();
            let bits = other.sealed.len() * 8;
            other.sealed[bit % bits / 8] ^= 1 << (bit % 8);
            assert!(!opens(&other));
            let mut other = sealed.clone();
            other.sealed.truncate(bit % sealed.sealed.len());
            assert!(!opens(&other));
            assert!(Key::new().open(&sealed).is_err());
            // The same value is never sealed to the same bytes.
            let again = key.seal(&name("token"), version, &value, Timestamp(7));
            assert_ne!(again.sealed, sealed.sealed);
        }
    }
}
