use std::{error::Error, fmt, time::Duration};

/// How long a body may take. Nothing is limited by default.
///
/// | setting | in files | default | range |
/// |---|---|---|---|
/// | [`idle`](BodyTime::idle) | `idle = "30s"` | none | 1ms..=1d |
/// | [`total`](BodyTime::total) | `total = "10m"` | none | 1ms..=30d |
///
/// # Examples
///
/// ```
/// use orlop_core::http::BodyTime;
/// use std::time::Duration;
///
/// let time = BodyTime::new().idle(Duration::from_secs(30))?;
/// let error = time.total(Duration::ZERO).unwrap_err();
/// assert_eq!(error.to_string(), "total must be within 1ms..=30d, got 0ns");
/// # Ok::<(), orlop_core::http::InvalidBodyTime>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "file::File", into = "file::File"))]
pub struct BodyTime {
    idle: Option<Duration>,
    total: Option<Duration>,
}

/// A time for a body that is out of its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidBodyTime {
    setting: &'static Setting,
    value: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Setting {
    path: &'static str,
    at_most: Duration,
    allowed: &'static str,
}

const AT_LEAST: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
static IDLE: Setting = Setting { path: "idle", at_most: DAY, allowed: "within 1ms..=1d" };
static TOTAL: Setting =
    Setting { path: "total", at_most: DAY.saturating_mul(30), allowed: "within 1ms..=30d" };

impl BodyTime {
    /// No limit.
    pub const fn new() -> Self {
        Self { idle: None, total: None }
    }

    /// How long the other side may leave us waiting for the next frame. Only waiting counts, not the time in which nobody asks
    /// for a frame. Default: no limit.
    ///
    /// # Errors
    ///
    /// If it is not within 1 ms to 1 day.
    pub fn idle(mut self, idle: Duration) -> Result<Self, InvalidBodyTime> {
        self.idle = Some(IDLE.check(idle)?);
        Ok(self)
    }

    /// How long the body may take from its head to its end, whoever is slow. Default: no limit.
    ///
    /// # Errors
    ///
    /// If it is not within 1 ms to 30 days.
    pub fn total(mut self, total: Duration) -> Result<Self, InvalidBodyTime> {
        self.total = Some(TOTAL.check(total)?);
        Ok(self)
    }

    /// The longest wait for the next frame.
    pub const fn idle_time(&self) -> Option<Duration> {
        self.idle
    }

    /// The longest time from head to end.
    pub const fn total_time(&self) -> Option<Duration> {
        self.total
    }
}

impl Setting {
    fn check(&'static self, time: Duration) -> Result<Duration, InvalidBodyTime> {
        if time < AT_LEAST || time > self.at_most {
            return Err(InvalidBodyTime { setting: self, value: format!("{time:?}") });
        }
        Ok(time)
    }
}

impl InvalidBodyTime {
    /// Which setting: `idle` or `total`.
    pub fn path(&self) -> &str {
        self.setting.path
    }
}

impl fmt::Display for InvalidBodyTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setting { path, allowed, .. } = self.setting;
        write!(f, "{path} must be {allowed}, got {}", self.value)
    }
}

impl Error for InvalidBodyTime {}

#[cfg(feature = "serde")]
mod file {
    use super::{BodyTime, IDLE, InvalidBodyTime, Setting, TOTAL};
    use std::time::Duration;

    /// As it stands in files. Text first, so that an error names the setting and what was written.
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields, rename = "BodyTime")]
    pub(super) struct File {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        idle: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total: Option<String>,
    }

    impl TryFrom<File> for BodyTime {
        type Error = InvalidBodyTime;

        fn try_from(file: File) -> Result<Self, InvalidBodyTime> {
            Ok(Self { idle: IDLE.read(file.idle)?, total: TOTAL.read(file.total)? })
        }
    }

    impl From<BodyTime> for File {
        fn from(time: BodyTime) -> Self {
            let write = |time| humantime::format_duration(time).to_string();
            Self { idle: time.idle.map(write), total: time.total.map(write) }
        }
    }

    impl Setting {
        fn read(&'static self, text: Option<String>) -> Result<Option<Duration>, InvalidBodyTime> {
            let Some(text) = text else { return Ok(None) };
            match humantime::parse_duration(&text) {
                Ok(time) => self.check(time).map(Some),
                Err(_) => Err(InvalidBodyTime { setting: self, value: format!("{text:?}") }),
            }
        }
    }
}
