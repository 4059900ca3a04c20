#![deny(unused_must_use)]

use guest_sdk::prelude::*;

#[flow]
fn forgets() -> Result<()> {
    sleep(Duration::from_secs(1));
    run_deployment("child/child-deployment");
    Ok(())
}

fn main() {}
