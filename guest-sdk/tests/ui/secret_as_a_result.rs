use guest_sdk::prelude::*;

#[task]
fn token() -> Result<Secret> {
    secret("shop-token")
}

fn main() {}
