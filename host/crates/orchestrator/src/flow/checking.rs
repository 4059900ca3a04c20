//! Calls that go on once something of them is checked.

use super::check::Check;
use super::doing::Doing;
use super::machine::{Asks, Flow};
use super::step::{Moment, Step};

impl Flow {
    /// Goes on with `doing` once this is checked.
    pub(super) fn check(&mut self, check: Check, doing: Doing, at: &mut Moment) -> Asks {
        self.doing = doing;
        if check.is_light() {
            return self.checked(check.make(), at);
        }
        Ok(Step::Check(check))
    }

    pub(super) fn checked(&mut self, fits: Result<(), String>, at: &mut Moment) -> Asks {
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Start(start) => self.start_checked(*start, fits, at),
            Doing::Input(input) => self.input_checked(*input, fits, at),
            _ => unreachable!("nothing else is checked"),
        }
    }
}
