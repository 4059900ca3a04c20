//! Short runs of the fuzzer's targets, from a seed. `tests/fuzz` has the long ones.

use std::fs;

use fuzz_targets::{calls, component, journal, manifest, parameters, repeat};
use test_support::guest;

const SEED: u64 = 20_261_128;

#[test]
fn any_calls_are_answered_and_replayed() {
    repeat(SEED, 4000, 2000, calls::run);
}

#[test]
fn any_journal_is_read_and_replayed() {
    repeat(SEED, 2000, 2000, journal::run);
}

#[test]
fn any_parameters_are_checked_against_any_schema() {
    repeat(SEED, 4000, 1000, parameters::run);
}

#[test]
fn any_description_is_checked() {
    repeat(SEED, 4000, 1000, manifest::run);
}

/// Some bytes of a real component are others.
#[test]
fn a_damaged_component_is_looked_into() {
    let whole = fs::read(guest("raw")).unwrap();
    repeat(SEED, 12, 30, |changes| {
        let mut bytes = whole.clone();
        for change in changes.chunks_exact(4) {
            let place = u32::from_le_bytes([change[0], change[1], change[2], 0]);
            let at = place as usize % bytes.len();
            bytes[at] = change[3];
        }
        component::run(&bytes);
    });
}
