//! Reads whole files that a command line names, up to a size.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use indicatif::BinaryBytes;

use super::error::UserError;

/// The largest text that is read whole, in bytes: parameters, or the value of an input. It is
/// what a flow takes by default, with room for white space.
pub const TEXT_MAX: usize = 64 << 20;

/// Why a file was not read. Its text completes a sentence that begins with the file.
#[derive(Debug)]
pub enum Unread {
    /// The system says so.
    System(io::Error),
    /// It is something else than a regular file.
    Kind(&'static str),
    TooLarge {
        max: usize,
    },
}

impl From<io::Error> for Unread {
    fn from(err: io::Error) -> Self {
        Self::System(err)
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(err) => write!(f, "cannot be read: {err}"),
            Self::Kind(kind) => write!(f, "is {kind}, not a regular file"),
            Self::TooLarge { max } => write!(
                f,
                "is too large; the limit on its size is {}",
                BinaryBytes(*max as u64)
            ),
        }
    }
}

/// The bytes of a regular file of at most `max` bytes. A pipe or a device keeps nobody waiting.
pub fn regular(path: &Path, max: usize) -> Result<Vec<u8>, Unread> {
    let file = OpenOptions::new()
        .read(true)
        // A pipe is opened whether or not somebody writes to it.
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(|err| match kind_of(path) {
            // A socket cannot even be opened.
            Some(kind) => Unread::Kind(kind),
            None => err.into(),
        })?;
    let meta = file.metadata()?;
    if let Some(kind) = kind(&meta) {
        return Err(Unread::Kind(kind));
    }
    if meta.len() > max as u64 {
        return Err(Unread::TooLarge { max });
    }
    up_to(file, max)
}

/// The text of a file of any kind, or of stdin for `-`, of at most [`TEXT_MAX`] bytes. A pipe
/// is read until its writer closes it.
pub fn text(path: &Path) -> Result<String, Unread> {
    let bytes = match path.to_str() {
        Some("-") => up_to(io::stdin(), TEXT_MAX)?,
        _ => up_to(File::open(path)?, TEXT_MAX)?,
    };
    let text = String::from_utf8(bytes).map_err(|_| {
        let why = "it is not valid UTF-8";
        io::Error::new(io::ErrorKind::InvalidData, why)
    })?;
    Ok(without_mark(&text).to_owned())
}

/// A text without the byte-order mark that some editors put before it. JSON has none.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The text of a regular file of at most `max` bytes.
pub fn regular_text(path: &Path, max: usize) -> Result<String, UserError> {
    let shown = path.display();
    let bytes = regular(path, max).map_err(|unread| {
        UserError::new(format!("`{shown}` {unread}")).hint("name another file")
    })?;
    String::from_utf8(bytes).map_err(|_| {
        UserError::new(format!("`{shown}` is no text in UTF-8"))
            .hint("encode bytes, as with `base64`")
    })
}

/// Whatever size was announced: a file may grow, and a device announces none.
fn up_to(source: impl Read, max: usize) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    source.take(max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > max {
        return Err(Unread::TooLarge { max });
    }
    Ok(bytes)
}

fn kind_of(path: &Path) -> Option<&'static str> {
    kind(&std::fs::metadata(path).ok()?)
}

/// What something is that is no regular file.
fn kind(meta: &std::fs::Metadata) -> Option<&'static str> {
    let kind = meta.file_type();
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_fifo() {
        Some("a pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}
