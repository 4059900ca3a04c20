//! Names that are near to one that nothing has.

use std::fmt::Display;

/// Who asks for more has not mistyped a name, and the distance would take long to find.
const ASKED_MAX: usize = 200;

/// Less is the beginning of anything.
const BEGINNING_MIN: usize = 3;

/// The known name that differs from `asked` by little enough to be what was meant.
pub fn nearest<N: Display>(asked: &str, known: impl IntoIterator<Item = N>) -> Option<N> {
    if asked.len() > ASKED_MAX {
        return None;
    }
    let asked = asked.to_lowercase();
    let distances = known.into_iter().map(|candidate| {
        let text = candidate.to_string().to_lowercase();
        let distance = strsim::damerau_levenshtein(&asked, &text);
        // Who types the beginning of a name means it.
        let is_beginning = asked.len() >= BEGINNING_MIN && text.starts_with(&asked);
        let distance = if is_beginning {
            distance.min(1)
        } else {
            distance
        };
        (distance, text.len(), candidate)
    });
    distances
        .filter(|(distance, length, _)| *distance <= 1 + length / 4)
        .min_by_key(|(distance, length, _)| (*distance, *length))
        .map(|(_, _, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_name() {
        let known = ["process-item", "orchestrator"];
        assert_eq!(nearest("proces-item", known), Some("process-item"));
        assert_eq!(nearest("etl", known), None);
        assert_eq!(nearest("orch", known), Some("orchestrator"));
        assert_eq!(nearest("or", known), None);
        let states = ["Retrying", "Running"];
        assert_eq!(nearest("runing", states), Some("Running"));
        assert_eq!(nearest("RUNNNG", states), Some("Running"));
        assert_eq!(nearest("etl", Vec::<String>::new()), None);
    }
}
