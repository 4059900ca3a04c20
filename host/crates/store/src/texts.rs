//! Large JSON texts of runs stand apart from the rows that are listed and read often.
//!
//! ```text
//! value of a run --split--> row:   {"call": …, "parameters": {"$text":"<digest>"}}
//!                           texts: digest, size, the text, compressed; once for equal content
//!                           holds: which run has which text
//!
//! row --Stored--> wanted digests --texts read by the engine--> value of a run
//! ```
//!
//! What stands in the place of a text is a JSON value of a form of its own. A guest may hand over a
//! value that has this form by chance or on purpose: it goes apart whatever its size, so what has
//! the form in a row is always a reference.
//!
//! A text is held by each run in whose rows it stands, and goes with the last of them. The holds of a
//! run only go with the run: a text that an earlier attempt has left costs its place until then.
//!
//! Variables, and the parameters of deployments, stay where they are. They are of no run.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use model::{HoldsJson, Json};

use crate::StoreError;

/// The largest text that stands in a row, in bytes. What most flows pass on is read with its row,
/// and a journal of a thousand calls stays below 100 MB.
pub const IN_ROW_MAX: usize = 64 << 10;

const BEGIN: &str = "{\"$text\":\"";
const END: &str = "\"}";
const DIGITS: usize = 64;

/// What a text is known by: equal ones have equal digests.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TextDigest(pub [u8; 32]);

impl TextDigest {
    fn of(text: &str) -> Self {
        Self(*blake3::hash(text.as_bytes()).as_bytes())
    }

    /// What stands in a row in the place of the text.
    fn reference(&self) -> Json {
        Json::trusted(format!("{BEGIN}{self}{END}"))
    }

    /// The text that this one refers to, if it has the form of a reference.
    fn referred_to(json: &Json) -> Option<Self> {
        let text = json.as_str();
        if text.len() != BEGIN.len() + DIGITS + END.len() {
            return None;
        }
        let digits = text.strip_prefix(BEGIN)?.strip_suffix(END)?.as_bytes();
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(digest))
    }
}

/// As it is written: in lower case.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for TextDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TextDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that goes apart.
#[derive(Clone, Debug)]
pub struct Text {
    pub digest: TextDigest,
    json: Json,
}

impl Text {
    fn of(json: &Json) -> Self {
        Self {
            digest: TextDigest::of(json.as_str()),
            json: json.clone(),
        }
    }

    /// In bytes, before it is compressed.
    pub fn size(&self) -> u64 {
        self.json.as_str().len() as u64
    }

    /// Its bytes as they are stored: compressed, or as they are where that would not make them fewer.
    pub fn packed(&self) -> Vec<u8> {
        let text = self.json.as_str().as_bytes();
        let packed = lz4_flex::block::compress(text);
        if packed.len() < text.len() {
            packed
        } else {
            text.to_vec()
        }
    }
}

/// The text that was stored so. Errs if it was not.
pub fn unpack(digest: TextDigest, size: u64, bytes: &[u8]) -> Result<Json, StoreError> {
    let damaged = |why: &str| StoreError::Damaged(format!("text {digest}: {why}"));
    let text = if bytes.len() as u64 == size {
        bytes.to_vec()
    } else {
        let size = usize::try_from(size).map_err(|error| damaged(&error.to_string()))?;
        lz4_flex::block::decompress(bytes, size).map_err(|error| damaged(&error.to_string()))?
    };
    if text.len() as u64 != size {
        return Err(damaged("it has another size"));
    }
    let text = String::from_utf8(text).map_err(|error| damaged(&error.to_string()))?;
    Ok(Json::trusted(text))
}

/// A value as it is stored for a run.
#[derive(Debug)]
pub struct Split<'v, T: Clone> {
    /// What stands in the row.
    pub in_row: Cow<'v, T>,
    /// What stands elsewhere, each once.
    pub apart: Vec<Text>,
}

/// Each JSON text that is stored for a run passes here on its way into a row. One that stays in its
/// row costs a look at its length.
pub fn split<T: HoldsJson + Clone>(value: &T) -> Split<'_, T> {
    let mut is_whole = true;
    value.each_json(&mut |json| is_whole &= !goes_apart(json));
    if is_whole {
        return Split {
            in_row: Cow::Borrowed(value),
            apart: Vec::new(),
        };
    }
    let mut apart = Vec::new();
    let mut in_row = value.clone();
    in_row.each_json_mut(&mut |json| {
        if goes_apart(json) {
            let text = Text::of(json);
            *json = text.digest.reference();
            apart.push(text);
        }
    });
    // In one order for all, so that nobody waits for another in a circle.
    apart.sort_by_key(|text| text.digest);
    apart.dedup_by_key(|text| text.digest);
    Split {
        in_row: Cow::Owned(in_row),
        apart,
    }
}

fn goes_apart(json: &Json) -> bool {
    json.as_str().len() > IN_ROW_MAX || TextDigest::referred_to(json).is_some()
}

/// A value as a row has it: of texts that stand elsewhere it has references. An engine cannot give
/// it to anybody before it has read those.
#[derive(Clone, Debug)]
pub struct Stored<T>(T);

impl<T> Stored<T> {
    pub fn new(in_row: T) -> Self {
        Self(in_row)
    }

    /// What the row says beside it.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Stored<U> {
        Stored(map(self.0))
    }
}

impl<T: HoldsJson> Stored<T> {
    /// The texts that it wants and that are not among these.
    pub fn wanted(&self, known: &Texts, wanted: &mut Vec<TextDigest>) {
        self.0.each_json(&mut |json| {
            let digest = TextDigest::referred_to(json);
            wanted.extend(digest.filter(|digest| !known.0.contains_key(digest)));
        });
    }

    /// The value with its texts. Errs if one is not there: its run was deleted since the row was
    /// read.
    pub fn whole(self, texts: &Texts) -> Result<T, Gone> {
        let Self(mut value) = self;
        let mut gone = None;
        value.each_json_mut(&mut |json| {
            let Some(digest) = TextDigest::referred_to(json) else {
                return;
            };
            match texts.0.get(&digest) {
                Some(text) => *json = text.clone(),
                None => gone = Some(Gone(digest)),
            }
        });
        gone.map_or(Ok(value), Err)
    }

    /// For whoever does not look at values: `null` stands for each text that is elsewhere.
    pub fn without_texts(self) -> T {
        let Self(mut value) = self;
        value.each_json_mut(&mut |json| {
            if TextDigest::referred_to(json).is_some() {
                *json = Json::null();
            }
        });
        value
    }
}

/// What stands apart, of all runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextsApart {
    pub count: u64,
    /// As they are stored.
    pub bytes: u64,
}

/// How often rows are read whose texts were gone. What was read of texts counts for the next time: so
/// a text can only be gone again if its row has come since, and its run is deleted as well.
pub const TRIES_MAX: u32 = 5;

/// Texts that were read for some rows: equal ones are in memory once.
#[derive(Default)]
pub struct Texts(HashMap<TextDigest, Json>);

impl Texts {
    pub fn add(&mut self, digest: TextDigest, text: Json) {
        self.0.insert(digest, text);
    }
}

/// A text is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone(pub TextDigest);

impl From<Gone> for StoreError {
    /// It was looked for again, and the row that refers to it is still there.
    fn from(Gone(digest): Gone) -> Self {
        Self::Damaged(format!("text {digest} is not there"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Answer, Argument, Call, Seq, TaskCall, TaskName, TaskOptions};

    fn large(what: &str) -> Json {
        Json::string(&what.repeat(IN_ROW_MAX / what.len() + 1))
    }

    /// How many texts go apart, and whether they come back.
    #[track_caller]
    fn check<T>(value: &T, apart: usize)
    where
        T: HoldsJson + Clone + PartialEq + fmt::Debug,
    {
        let split = split(value);
        assert_eq!(split.apart.len(), apart);
        let mut texts = Texts::default();
        for text in &split.apart {
            let packed = text.packed();
            assert!(packed.len() as u64 <= text.size());
            texts.add(
                text.digest,
                unpack(text.digest, text.size(), &packed).unwrap(),
            );
        }
        let stored = Stored::new(split.in_row.into_owned());
        let mut wanted = Vec::new();
        stored.wanted(&Texts::default(), &mut wanted);
        wanted.sort();
        wanted.dedup();
        let digests: Vec<_> = split.apart.iter().map(|text| text.digest).collect();
        assert_eq!(wanted, digests);
        assert_eq!(stored.whole(&texts).as_ref(), Ok(value));
    }

    #[test]
    fn a_large_text_goes_apart_and_comes_back() {
        let at_most = Json::trusted(format!("\"{}\"", "x".repeat(IN_ROW_MAX - 2)));
        check(&at_most, 0);
        check(&large("x"), 1);
        check(&large("ä\u{1f980}"), 1);
        check(&Json::null(), 0);
        // Nothing in it repeats.
        let digits = (0_u64..5_000).map(|n| TextDigest::of(&n.to_string()).to_string());
        check(&Json::string(&digits.collect::<String>()), 1);
    }

    #[test]
    fn equal_texts_of_a_value_go_apart_once() {
        let argument = |json: &Json| ("a".to_owned(), Argument::Value(json.clone()));
        let (one, other) = (large("one"), large("other"));
        let call = Call::Task(TaskCall {
            task: TaskName::trusted("load"),
            arguments: vec![
                argument(&one),
                argument(&Json::null()),
                argument(&other),
                argument(&one),
                ("b".to_owned(), Argument::ResultOf(Seq(1))),
            ],
            wait_for: Vec::new(),
            options: TaskOptions::default(),
            scope: None,
        });
        check(&call, 2);
        check(&Some(Answer::Value { value: one }), 1);
    }

    #[test]
    fn what_looks_like_a_reference_comes_back_as_it_was() {
        let reference = TextDigest::of("1").reference();
        check(&reference, 1);
        // These are no references, so they may stay.
        let text = reference.as_str();
        let others = [
            text.replace(':', ": "),
            text.replace("$text", "$blob"),
            text.to_uppercase(),
            format!("[{text}]"),
            text.replace("\"}", "0\"}"),
            "{\"$text\":\"1\"}".to_owned(),
        ];
        for other in others {
            check(&Json::trusted(other), 0);
        }
    }

    #[test]
    fn what_is_gone_is_told() {
        let split = split(&large("x")).in_row.into_owned();
        let gone = Gone(TextDigest::of(large("x").as_str()));
        assert_eq!(
            Stored::new(split.clone()).whole(&Texts::default()),
            Err(gone)
        );
        assert_eq!(Stored::new(split).without_texts(), Json::null());
    }

    #[test]
    fn what_was_not_packed_so_is_refused() {
        let json = large("x");
        let text = Text::of(&json);
        let packed = text.packed();
        for (size, bytes) in [
            (text.size() + 1, &packed[..]),
            (text.size(), &packed[1..]),
            (1, b"\xff"),
        ] {
            let read = unpack(text.digest, size, bytes);
            assert!(matches!(read, Err(StoreError::Damaged(_))), "{size}");
        }
    }
}
