//! The kinds of problems: what programs tell them apart by.

/// What a problem is about. Stable: kinds are added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// What was named does not exist.
    NotFound,
    /// What was named may be any of several.
    Ambiguous,
    InvalidName,
    /// A filter or a limit of a listing is wrong.
    InvalidQuery,
    /// A value of a request is out of its bounds.
    InvalidRequest,
    /// A cursor is of another listing, or of one with other filters.
    InvalidCursor,
    /// What lies beyond a place in the stream of events is not kept any more.
    TooOld,
    /// Parameters do not fit the flow's schema.
    InvalidParameters,
    /// A value does not fit the schema of the input that is awaited.
    InvalidInput,
    /// Bytes are no component that can be deployed.
    InvalidComponent,
    /// What is in another state than the wish needs.
    WrongState,
    /// What is to be made exists already.
    Exists,
    /// What is to be deleted is still needed.
    InUse,
    /// Another run has this idempotency key.
    KeyTaken,
    /// The database cannot be used as it is.
    Database,
    /// The database is not available now; a later try may succeed.
    Unavailable,
    Damaged,
    /// A mistake of this program.
    Internal,
    /// A server does not do what it is asked: the address, the token or its version is wrong.
    NotServed,
    /// A server cannot be reached, or did not answer; a later try may succeed.
    Unreachable,
}

impl ProblemKind {
    pub const ALL: [Self; 20] = [
        Self::NotFound,
        Self::Ambiguous,
        Self::InvalidName,
        Self::InvalidQuery,
        Self::InvalidRequest,
        Self::InvalidCursor,
        Self::TooOld,
        Self::InvalidParameters,
        Self::InvalidInput,
        Self::InvalidComponent,
        Self::WrongState,
        Self::Exists,
        Self::InUse,
        Self::KeyTaken,
        Self::Database,
        Self::Unavailable,
        Self::Damaged,
        Self::Internal,
        Self::NotServed,
        Self::Unreachable,
    ];

    /// The word for programs.
    pub fn slug(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Ambiguous => "ambiguous",
            Self::InvalidName => "invalid-name",
            Self::InvalidQuery => "invalid-query",
            Self::InvalidRequest => "invalid-request",
            Self::InvalidCursor => "invalid-cursor",
            Self::TooOld => "too-old",
            Self::InvalidParameters => "invalid-parameters",
            Self::InvalidInput => "invalid-input",
            Self::InvalidComponent => "invalid-component",
            Self::WrongState => "wrong-state",
            Self::Exists => "exists",
            Self::InUse => "in-use",
            Self::KeyTaken => "key-taken",
            Self::Database => "database",
            Self::Unavailable => "unavailable",
            Self::Damaged => "damaged",
            Self::Internal => "internal",
            Self::NotServed => "not-served",
            Self::Unreachable => "unreachable",
        }
    }

    /// The same for people, whatever the single case.
    pub fn title(self) -> &'static str {
        match self {
            Self::NotFound => "There is no such thing",
            Self::Ambiguous => "The name means several things",
            Self::InvalidName => "The name is not allowed",
            Self::InvalidQuery => "The query is wrong",
            Self::InvalidRequest => "The request is out of bounds",
            Self::InvalidCursor => "The cursor is of another listing",
            Self::TooOld => "The place is not known any more",
            Self::InvalidParameters => "The parameters do not fit the flow",
            Self::InvalidInput => "The value does not fit the input",
            Self::InvalidComponent => "The component cannot be used",
            Self::WrongState => "Its state does not allow this",
            Self::Exists => "It exists already",
            Self::InUse => "It is still in use",
            Self::KeyTaken => "The idempotency key is taken",
            Self::Database => "The database cannot be used",
            Self::Unavailable => "The database is not available",
            Self::Damaged => "The database is damaged",
            Self::Internal => "The program made a mistake",
            Self::NotServed => "The server does not do this",
            Self::Unreachable => "The server cannot be reached",
        }
    }

    /// Whether the one who asked can do something about it.
    pub fn is_mistake_of_user(self) -> bool {
        !matches!(
            self,
            Self::Unavailable | Self::Damaged | Self::Internal | Self::Unreachable
        )
    }

    /// The kind that programs know by this word.
    pub fn of_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }
}
