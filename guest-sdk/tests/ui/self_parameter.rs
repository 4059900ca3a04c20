use guest_sdk::prelude::*;

struct Service;

impl Service {
    #[task]
    fn work(&self) -> Result<u32> {
        Ok(1)
    }
}

fn main() {}
