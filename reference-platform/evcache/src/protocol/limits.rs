/// What a parser accepts before it gives up on its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest line in bytes, its end included. Default 2 KiB.
    pub line: usize,
    /// Longest line of a `get` or `gets` with many keys. Default 64 KiB; never below `line`.
    pub get_line: usize,
    /// Largest value in bytes. Default 1 MiB, as memcached's `-I`.
    pub value: usize,
}

impl Limits {
    /// Sets the longest line in bytes.
    #[must_use]
    pub const fn line(mut self, bytes: usize) -> Self {
        self.line = bytes;
        self
    }

    /// Sets the longest line of a `get` with many keys in bytes.
    #[must_use]
    pub const fn get_line(mut self, bytes: usize) -> Self {
        self.get_line = bytes;
        self
    }

    /// Sets the largest value in bytes.
    #[must_use]
    pub const fn value(mut self, bytes: usize) -> Self {
        self.value = bytes;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 2 * 1024, get_line: 64 * 1024, value: 1024 * 1024 }
    }
}
