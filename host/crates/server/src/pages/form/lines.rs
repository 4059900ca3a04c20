//! Lists of scalars as a person writes them: one a line.
//!
//! Empty lines are no items. A list that would come back as another one, such as one with an
//! empty text or a line break in a text, is not written this way.

use super::shape::Line;
use super::tree::{self, Tree};

/// The items of a text.
pub fn read(line: &Line, text: &str) -> Vec<Tree> {
    let lines = text.split('\n').filter(|line| !line.is_empty());
    lines.map(|text| item(line, text)).collect()
}

/// The text of a list. None if it cannot be written as lines.
pub fn written(line: &Line, list: &Tree) -> Option<String> {
    let Tree::List(items) = list else {
        return None;
    };
    let texts = items.iter().map(|value| match (line, value) {
        (Line::OneOf(choices), value) => {
            let choice = choices.iter().find(|choice| choice.value.is_same(value))?;
            Some(choice.label.clone())
        }
        (_, Tree::String(text)) => Some(text.clone()),
        (Line::Number, Tree::Number(number)) => Some(number.clone()),
        _ => None,
    });
    let text = texts.collect::<Option<Vec<_>>>()?.join("\n");
    let is_kept = !text.contains(['\r', '\0']) && Tree::List(read(line, &text)).is_same(list);
    is_kept.then_some(text)
}

fn item(line: &Line, text: &str) -> Tree {
    let known = match line {
        Line::Text => None,
        Line::Number => tree::number(text).map(Tree::Number),
        Line::OneOf(choices) => {
            let choice = choices.iter().find(|choice| choice.label == text);
            choice.map(|choice| choice.value.clone())
        }
    };
    known.unwrap_or_else(|| Tree::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &Line, list: &str, expect: &str) {
        let text = written(line, &Tree::parse(list).unwrap());
        assert_eq!(text.as_deref().unwrap_or("as JSON"), expect);
    }

    #[test]
    fn a_list_is_written_if_it_comes_back_the_same() {
        check(&Line::Text, r#"["a", " b ", "7"]"#, "a\n b \n7");
        check(&Line::Text, "[]", "");
        check(&Line::Text, r#"["a", ""]"#, "as JSON");
        check(&Line::Text, r#"["a\nb"]"#, "as JSON");
        check(&Line::Text, r#"["a\r"]"#, "as JSON");
        check(&Line::Text, "[1]", "as JSON");
        check(&Line::Number, "[1.10, -2e3]", "1.10\n-2e3");
        check(&Line::Number, r#"[1, "two"]"#, "1\ntwo");
        check(&Line::Number, r#"["1"]"#, "as JSON");
        check(&Line::Number, r#"{"a": 1}"#, "as JSON");
    }

    #[test]
    fn what_is_no_number_stays_for_the_schema_to_refuse() {
        let list = Tree::List(read(&Line::Number, "1\n\n two\n 3 \n"));
        assert_eq!(list.compact(), r#"[1," two",3]"#);
    }
}
