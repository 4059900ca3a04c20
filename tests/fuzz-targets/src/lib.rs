//! What a fuzzer does with its bytes. Each target is a module with a function `run`, which
//! must neither panic nor go on for ever, whatever the bytes are.
//!
//! ```text
//! cargo fuzz (tests/fuzz) --bytes it has evolved--> run
//! cargo test (tests/it) ----bytes from a seed-----> run
//! ```
//!
//! The bytes are [`Dice`]: what a target needs is made of them choice by choice, so that a
//! fuzzer which changes a byte changes a choice.

pub mod calls;
#[cfg(feature = "wasm")]
pub mod component;
mod dice;
mod guest;
pub mod journal;
#[cfg(feature = "wasm")]
pub mod manifest;
pub mod parameters;
mod texts;
mod world;

use arbitrary::Unstructured;

pub use dice::Dice;

/// Calls a target with so many inputs of up to `bytes_max` bytes, which follow from the seed.
/// If one panics, its number is the last one printed.
pub fn repeat(seed: u64, count: u64, bytes_max: usize, target: impl Fn(&[u8])) {
    for number in 0..count {
        let input = input(seed.wrapping_add(number), bytes_max);
        println!("input {number} of seed {seed}");
        target(&input);
    }
}

/// Bytes from SplitMix64, in which small values are as frequent as others.
fn input(seed: u64, bytes_max: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x0123_4567_89ab_cdef;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let len = next() as usize % (bytes_max + 1);
    (0..len).map(|_| next() as u8).collect()
}

fn dice(data: &[u8]) -> Dice<'_> {
    Dice::new(Unstructured::new(data))
}
