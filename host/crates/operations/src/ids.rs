//! New identities and names.

use model::{Ids, RunName};
use uuid::Uuid;

/// Identities from the clock and chance, and names as Prefect gives them: an adjective and an
/// animal.
#[derive(Clone, Copy, Debug, Default)]
pub struct FreshIds;

impl Ids for FreshIds {
    fn uuid(&mut self) -> Uuid {
        Uuid::now_v7()
    }

    fn run_name(&mut self) -> RunName {
        let name = petname::petname(2, "-").unwrap_or_else(|| "nameless-run".to_owned());
        RunName::trusted(name)
    }
}
