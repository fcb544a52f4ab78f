use bytes::Bytes;

/// A cached value and the 32 bits that its owner keeps beside it. Cheap to clone.
///
/// What the bits mean is the caller's: a format, a version, whether the data is compressed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Value {
    data: Bytes,
    flags: u32,
}

impl Value {
    /// A value with no flags.
    pub fn new(data: impl Into<Bytes>) -> Self {
        Self { data: data.into(), flags: 0 }
    }

    /// Sets the owner's 32 bits.
    #[must_use]
    pub const fn with_flags(mut self, flags: u32) -> Self {
        self.flags = flags;
        self
    }

    /// The data.
    pub const fn data(&self) -> &Bytes {
        &self.data
    }

    /// The owner's 32 bits.
    pub const fn flags(&self) -> u32 {
        self.flags
    }

    /// The data, without the flags.
    pub fn into_data(self) -> Bytes {
        self.data
    }
}

impl<T: Into<Bytes>> From<T> for Value {
    fn from(data: T) -> Self {
        Self::new(data)
    }
}
