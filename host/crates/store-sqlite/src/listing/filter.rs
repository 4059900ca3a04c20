//! Conditions that more than one listing has.

use crate::columns::{AsJson, ToColumn};
use crate::query::Query;
use model::IdPrefix;

/// `column` is one of these, if there are any.
pub(super) fn only_among<T: ToString>(query: &mut Query, column: &str, values: &[T]) {
    if !values.is_empty() {
        query.only(
            &format!("{column} IN (SELECT value FROM json_each(?))"),
            AsJson(texts(values)),
        );
    }
}

pub(super) fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(T::to_string).collect()
}

/// The text is a part of the name, or the id begins with it.
pub(super) fn only_text(query: &mut Query, name: &str, id: &str, text: &str) {
    let part = part_of(text);
    match IdPrefix(text.to_owned()).bounds() {
        None => query.only(&format!(r"{name} LIKE ? ESCAPE '\'"), part),
        Some((low, high)) => {
            let bounds: [Box<dyn ToColumn>; 3] = [
                Box::new(part),
                Box::new(low.as_bytes().to_vec()),
                Box::new(high.as_bytes().to_vec()),
            ];
            query.only_all(
                &format!(r"({name} LIKE ? ESCAPE '\' OR {id} BETWEEN ? AND ?)"),
                bounds,
            );
        }
    }
}

/// A pattern for `LIKE .. ESCAPE '\'`: the text anywhere, in any case.
pub(super) fn part_of(text: &str) -> String {
    let mut pattern = String::from("%");
    for char in text.chars() {
        if matches!(char, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_means_itself_whatever_is_in_it() {
        assert_eq!(part_of("otter"), "%otter%");
        assert_eq!(part_of(r"100%_\"), r"%100\%\_\\%");
    }
}
