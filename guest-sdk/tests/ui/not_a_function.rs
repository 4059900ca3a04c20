use guest_sdk::prelude::*;

#[task]
struct Work;

#[flow]
const FLOW: u32 = 1;

fn main() {}
