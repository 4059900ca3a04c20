//! How far a run's children are: a line that is drawn again on a terminal, and now and then
//! a plain line elsewhere.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::cli::context::Context;
use model::StateType;

/// The least time between two plain lines.
const LINE_MIN: Duration = Duration::from_secs(1);

pub struct Children<'a> {
    cx: &'a Context,
    bar: ProgressBar,
    said: Option<(Instant, String)>,
}

impl<'a> Children<'a> {
    pub fn new(cx: &'a Context) -> Self {
        Self {
            cx,
            bar: ProgressBar::hidden(),
            said: None,
        }
    }

    pub fn tell(&mut self, states: &[(StateType, u64)]) {
        let Some(text) = summary(states) else {
            return;
        };
        if self.cx.out.is_live() {
            if self.bar.is_hidden() {
                self.bar = self.cx.out.progress_line();
            }
            self.bar.set_message(text);
            return;
        }
        let is_over = states.iter().all(|(state, _)| state.is_terminal());
        let is_new = match &self.said {
            None => true,
            Some((at, said)) => *said != text && (is_over || at.elapsed() >= LINE_MIN),
        };
        if is_new {
            self.cx.out.note(&text);
            self.said = Some((Instant::now(), text));
        }
    }

    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}

/// `3 of 10 child runs ended: 2 completed, 1 failed, 7 running`
fn summary(states: &[(StateType, u64)]) -> Option<String> {
    let sum = |is_wanted: fn(StateType) -> bool| {
        let counts = states.iter().filter(|(state, _)| is_wanted(*state));
        counts.map(|(_, count)| count).sum::<u64>()
    };
    let all = sum(|_| true);
    if all == 0 {
        return None;
    }
    let ended = sum(StateType::is_terminal);
    let mut parts = Vec::new();
    for terminal in [true, false] {
        for (state, count) in states {
            if state.is_terminal() == terminal && *count > 0 {
                parts.push(format!("{count} {}", state.as_str().to_lowercase()));
            }
        }
    }
    let noun = if all == 1 { "child run" } else { "child runs" };
    Some(format!(
        "{ended} of {all} {noun} ended: {}",
        parts.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_counted_by_state() {
        assert_eq!(summary(&[]), None);
        assert_eq!(
            summary(&[
                (StateType::Running, 7),
                (StateType::Completed, 2),
                (StateType::Failed, 1)
            ])
            .unwrap(),
            "3 of 10 child runs ended: 2 completed, 1 failed, 7 running"
        );
        assert_eq!(
            summary(&[(StateType::Scheduled, 1)]).unwrap(),
            "0 of 1 child run ended: 1 scheduled"
        );
    }
}
