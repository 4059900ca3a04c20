//! Places of a list, in any order.

/// Takes what is at these places, each of which is named once, in the order of the list.
pub fn take<T>(from: &mut Vec<T>, mut places: Vec<u32>) -> Vec<T> {
    places.sort_unstable();
    // From the end, so that the places before stay.
    let mut taken: Vec<T> = places
        .into_iter()
        .rev()
        .map(|at| from.remove(at as usize))
        .collect();
    taken.reverse();
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing says in which order a host names what is ready.
    #[test]
    fn places_may_come_in_any_order() {
        for places in [[0, 2, 3], [3, 0, 2], [2, 3, 0], [3, 2, 0]] {
            let mut list = vec!["a", "b", "c", "d", "e"];
            assert_eq!(take(&mut list, places.to_vec()), ["a", "c", "d"]);
            assert_eq!(list, ["b", "e"]);
        }
    }
}
