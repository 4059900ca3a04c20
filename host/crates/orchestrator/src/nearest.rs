//! Names that are near to one that nothing has.

use std::fmt::Display;

/// The known name that differs from `asked` by little enough to be what was meant.
pub fn nearest<N: Display>(asked: &str, known: impl IntoIterator<Item = N>) -> Option<N> {
    let distances = known.into_iter().map(|candidate| {
        let text = candidate.to_string();
        let distance = strsim::damerau_levenshtein(asked, &text);
        (distance, text.len(), candidate)
    });
    distances
        .filter(|(distance, length, _)| *distance <= 1 + length / 4)
        .min_by_key(|(distance, _, _)| *distance)
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
        assert_eq!(nearest("etl", Vec::<String>::new()), None);
    }
}
