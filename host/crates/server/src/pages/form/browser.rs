//! A browser, as far as forms go: what it would post of a page. For tests.

/// What a browser posts of the fields in a page, in their order. No button is pressed.
pub fn pairs_in(html: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    // The name of the list that is open, and whether an option of it was posted.
    let mut list: Option<(String, Option<String>)> = None;
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (tag, after) = tag_of(&rest[at + 1..]);
        rest = after;
        match tag.name.as_str() {
            "input" if !tag.is_button() || tag.has("checked") => {
                let value = value_of(tag.get("type"), tag.get("value").unwrap_or_default());
                pairs.push((tag.get("name").unwrap_or_default(), value));
            }
            "textarea" => {
                let end = rest.find("</textarea>").expect("an end of the textarea");
                let text = unescaped(&rest[..end]);
                let text = text.strip_prefix('\n').unwrap_or(&text).to_owned();
                pairs.push((tag.get("name").unwrap_or_default(), text));
                rest = &rest[end..];
            }
            "select" => list = Some((tag.get("name").unwrap_or_default(), None)),
            "option" => {
                let (_, chosen) = list.as_mut().expect("a list around the option");
                if chosen.is_none() || tag.has("selected") {
                    *chosen = tag.get("value");
                }
            }
            "/select" => {
                let (name, chosen) = list.take().expect("a list that ends");
                pairs.push((name, chosen.unwrap_or_default()));
            }
            _ => {}
        }
    }
    let as_sent = |text: String| text.replace("\r\n", "\n").replace(['\r', '\n'], "\r\n");
    pairs
        .into_iter()
        .map(|(name, value)| (as_sent(name), as_sent(value)))
        .collect()
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn get(&self, name: &str) -> Option<String> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn is_button(&self) -> bool {
        matches!(self.get("type").as_deref(), Some("radio" | "checkbox"))
    }
}

/// The tag whose text begins here, and what is behind it.
fn tag_of(text: &str) -> (Tag, &str) {
    let end = text.find(|c: char| c.is_whitespace() || c == '>').unwrap();
    let mut tag = Tag {
        name: text[..end].to_owned(),
        attributes: Vec::new(),
    };
    let mut rest = text[end..].trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('>') {
            return (tag, after);
        }
        let end = rest.find(['=', ' ', '>', '\n']).unwrap();
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let mut value = String::new();
        if let Some(quoted) = rest.strip_prefix("=\"") {
            let end = quoted.find('"').unwrap();
            value = unescaped(&quoted[..end]);
            rest = &quoted[end + 1..];
        }
        tag.attributes.push((name, value));
        rest = rest.trim_start();
    }
}

fn unescaped(text: &str) -> String {
    assert!(!text.contains('<'), "markup in {text}");
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        let end = at + rest[at..].find(';').expect("an entity");
        let code = rest[at + 2..end].parse().expect("an entity by number");
        plain.push(char::from_u32(code).unwrap());
        rest = &rest[end + 1..];
    }
    plain.push_str(rest);
    plain.replace('\0', "\u{fffd}")
}

/// What is left of a value that a browser shows in an input.
fn value_of(kind: Option<String>, value: String) -> String {
    let is_like = |example: &str| {
        value.len() == example.len()
            && value
                .bytes()
                .zip(example.bytes())
                .all(|(byte, like)| match like {
                    b'0' => byte.is_ascii_digit(),
                    like => byte == like,
                })
    };
    match kind.as_deref() {
        Some("hidden" | "radio" | "checkbox") => value,
        Some("text") => value.replace(['\n', '\r'], ""),
        Some("date") if is_like("0000-00-00") && value > "0001".to_owned() => value,
        Some("time") if ["00:00", "00:00:00"].iter().any(|like| is_like(like)) => value,
        Some("time") if is_like("00:00:00.000") || is_like("00:00:00.0") => value,
        Some("time") if is_like("00:00:00.00") => value,
        Some("date" | "time") => String::new(),
        kind => panic!("an input of kind {kind:?}"),
    }
}
