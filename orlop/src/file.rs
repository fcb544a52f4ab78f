//! Settings from a TOML file.

use crate::Settings;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// The settings of a process's clients, read from a TOML file. See [`Settings`] for what stands in it.
///
/// A file with a mistake is refused whole: nothing of it is used.
///
/// # Examples
///
/// ```
/// use orlop::SettingsFile;
/// use std::time::Duration;
///
/// let file = SettingsFile::parse(r#"
///     [clients.playback]
///     retry = { timeout = "600ms", idempotent = true }
/// "#)?;
/// let playback = file.client("playback")?;
/// assert_eq!(playback.retry.timeout, Some(Duration::from_millis(600)));
/// assert_eq!(file.client("search").unwrap_err().to_string(),
///     "no settings for client \"search\": the file has playback");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsFile {
    #[serde(default)]
    clients: BTreeMap<String, Settings>,
}

/// Why settings could not be read.
#[derive(Debug)]
pub struct SettingsError {
    file: Option<PathBuf>,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Read(std::io::Error),
    /// With the line, counted from 1, and the path of keys, as far as they are known.
    Parse {
        line: Option<usize>,
        path: String,
        message: String,
    },
    Unknown {
        wanted: String,
        there: Vec<String>,
    },
}

impl SettingsFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is no TOML, or a value is out of range: the text names the place, the value and what is
    /// allowed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SettingsError> {
        let path = path.as_ref();
        let named = |mut error: SettingsError| {
            error.file = Some(path.to_owned());
            error
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| named(SettingsError { file: None, why: Why::Read(error) }))?;
        Self::parse(&text).map_err(named)
    }

    /// Reads text.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let invalid = |path: String, error: toml::de::Error| {
            let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
            let message = error.message().to_owned();
            SettingsError { file: None, why: Why::Parse { line, path, message } }
        };
        let file =
            toml::Deserializer::parse(text).map_err(|error| invalid(String::new(), error))?;
        serde_path_to_error::deserialize(file)
            .map_err(|error| invalid(error.path().to_string(), error.into_inner()))
    }

    /// The settings of one client.
    ///
    /// # Errors
    ///
    /// When the file has none of that name: a misspelt name must not mean defaults.
    pub fn client(&self, name: &str) -> Result<Settings, SettingsError> {
        self.clients.get(name).cloned().ok_or_else(|| {
            let there = self.clients.keys().cloned().collect();
            SettingsError { file: None, why: Why::Unknown { wanted: name.to_owned(), there } }
        })
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", file.display())?;
        }
        match &self.why {
            Why::Read(_) => f.write_str("cannot be read"),
            Why::Parse { line, path, message } => {
                if let Some(line) = line {
                    write!(f, "line {line}: ")?;
                }
                // "." is the file as a whole.
                if !path.is_empty() && path != "." {
                    write!(f, "{path}: ")?;
                }
                f.write_str(message)
            }
            Why::Unknown { wanted, there } if there.is_empty() => {
                write!(f, "no settings for client {wanted:?}: the file has none at all")
            }
            Why::Unknown { wanted, there } => {
                write!(f, "no settings for client {wanted:?}: the file has {}", there.join(", "))
            }
        }
    }
}

impl std::error::Error for SettingsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.why {
            Why::Read(error) => Some(error),
            Why::Parse { .. } | Why::Unknown { .. } => None,
        }
    }
}
