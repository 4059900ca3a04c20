//! The address of a storage, as people write it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// Where objects are kept: `file:///DIR`, `s3://BUCKET[/PREFIX]`, `gs://BUCKET[/PREFIX]` or
/// `az://CONTAINER[/PREFIX]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageUrl {
    Directory(PathBuf),
    S3(Bucket),
    Google(Bucket),
    Azure(Bucket),
}

/// A bucket or a container, and what the names of all objects in it begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub name: String,
    /// Without slashes around it; empty: none.
    pub prefix: String,
}

/// Why a text is no address of a storage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageUrlError {
    #[error("it is no URL")]
    NoUrl,
    #[error("a storage `{0}://…` is not known")]
    Scheme(String),
    #[error("it names no bucket")]
    NoBucket,
    #[error("it names no container")]
    NoContainer,
    #[error("the path of a directory has to be absolute")]
    Relative,
    #[error(
        "it has a user, a port, a query or a fragment, and credentials come from the environment"
    )]
    More,
}

impl StorageUrlError {
    /// What to write in its place.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoUrl | Self::Scheme(_) | Self::More => {
                "write `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` or \
                 `file:///DIRECTORY`"
            }
            Self::NoBucket => "write `s3://BUCKET/PREFIX` or `gs://BUCKET/PREFIX`",
            Self::NoContainer => "write `az://CONTAINER/PREFIX`",
            Self::Relative => "write `file:///DIRECTORY`, with three slashes",
        }
    }
}

impl FromStr for StorageUrl {
    type Err = StorageUrlError;

    fn from_str(text: &str) -> Result<Self, StorageUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(StorageUrlError::NoUrl)?;
        if scheme == "file" {
            return match rest {
                path if path.starts_with('/') => {
                    let url = Url::parse(text).map_err(|_| StorageUrlError::NoUrl)?;
                    let path = url.to_file_path().map_err(|()| StorageUrlError::Relative)?;
                    Ok(Self::Directory(path))
                }
                _ => Err(StorageUrlError::Relative),
            };
        }
        let (of, missing): (fn(Bucket) -> Self, _) = match scheme {
            "s3" => (Self::S3, StorageUrlError::NoBucket),
            "gs" => (Self::Google, StorageUrlError::NoBucket),
            "az" => (Self::Azure, StorageUrlError::NoContainer),
            _ => return Err(StorageUrlError::Scheme(scheme.to_owned())),
        };
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() {
            return Err(missing);
        }
        if name.contains(['@', ':']) || rest.contains(['?', '#']) {
            return Err(StorageUrlError::More);
        }
        Ok(of(Bucket {
            name: name.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
        }))
    }
}

impl fmt::Display for StorageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, bucket) = match self {
            Self::Directory(path) => return write!(f, "file://{}", path.display()),
            Self::S3(bucket) => ("s3", bucket),
            Self::Google(bucket) => ("gs", bucket),
            Self::Azure(bucket) => ("az", bucket),
        };
        let Bucket { name, prefix } = bucket;
        match prefix.as_str() {
            "" => write!(f, "{scheme}://{name}"),
            prefix => write!(f, "{scheme}://{name}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&str, StorageUrlError>) {
        let read = text.parse::<StorageUrl>().map(|url| url.to_string());
        assert_eq!(read, expect.map(str::to_owned), "{text}");
    }

    #[test]
    fn an_address_names_a_place() {
        check("s3://pictures", Ok("s3://pictures"));
        check("s3://pictures/orch/a/", Ok("s3://pictures/orch/a"));
        check("gs://b/p", Ok("gs://b/p"));
        check("az://c", Ok("az://c"));
        check("file:///var/lib/blobs", Ok("file:///var/lib/blobs"));
    }

    #[test]
    fn one_that_names_none_is_refused() {
        check("blobs", Err(StorageUrlError::NoUrl));
        check("ftp://host", Err(StorageUrlError::Scheme("ftp".to_owned())));
        check("s3://", Err(StorageUrlError::NoBucket));
        check("gs:///prefix", Err(StorageUrlError::NoBucket));
        check("az://", Err(StorageUrlError::NoContainer));
        check("file://blobs", Err(StorageUrlError::Relative));
        check("file://./blobs", Err(StorageUrlError::Relative));
        check("s3://key:secret@bucket", Err(StorageUrlError::More));
        check("s3://bucket?region=x", Err(StorageUrlError::More));
    }
}
