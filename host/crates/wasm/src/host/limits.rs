//! `limits`: slots that the code of a flow takes.

use crate::bindings::limits;
use crate::convert;
use crate::fields;
use crate::guest::Guest;
use crate::port::CallResult;
use model::{Ask, LimitName, Seq};

impl limits::Host for Guest {
    async fn take(&mut self, limit: String, slots: u32, scope: Option<u64>) -> CallResult<u64> {
        fields::LIMIT.check(limit.len())?;
        let ask = Ask::TakeSlots {
            limit: LimitName::new(limit).map_err(convert::invalid_name)?,
            slots,
            scope: convert::scope(scope),
        };
        Ok(self.flow()?.ask_handle(ask).await?.0)
    }

    async fn give_back(&mut self, taken: u64) -> CallResult<()> {
        self.flow()?.ask_done(Ask::GiveSlotsBack(Seq(taken))).await
    }
}
