//! One rule of `trip` in files.

use super::{duration, number, ratio, text};
use crate::{
    InvalidSetting, Trip, Window,
    trip::{Ewma, Memory, Rule, Span},
};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileTrip {
    #[serde(skip_serializing_if = "Option::is_none")]
    consecutive_failures: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slow_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    success_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slower_than: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_calls: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    within: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buckets: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ewma_last: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ewma_within: Option<String>,
}

const U32: &str = "within 1..=4294967295";
const U16: &str = "within 1..=65535";
const RULE: &str = "one of { consecutive_failures }, { failures, last or within }, { failure_rate, minimum_calls, last or within }, \
     { slow_rate, slower_than, minimum_calls, last or within } and { success_rate, minimum_calls, ewma_last or ewma_within }";

impl FileTrip {
    /// Reads the rule at this path.
    pub(super) fn read(self, path: &str) -> Result<Trip, InvalidSetting> {
        self.rule().map_err(|error| match error {
            Wrong::Whole(what) => InvalidSetting::new(path, what.to_owned(), RULE),
            Wrong::Part(error) => error.inside(path),
        })
    }

    fn rule(self) -> Result<Trip, Wrong> {
        let kinds = [
            self.consecutive_failures.is_some(),
            self.failures.is_some(),
            self.failure_rate.is_some(),
            self.slow_rate.is_some(),
            self.success_rate.is_some(),
        ];
        match kinds.iter().filter(|&&given| given).count() {
            0 => return Err(Wrong::Whole("none of them")),
            1 => {}
            _ => return Err(Wrong::Whole("more than one of them")),
        }
        self.only_what_belongs()?;
        let minimum =
            || Ok::<_, Wrong>(number("minimum_calls", self.minimum_calls.unwrap_or(20), U32)?);
        if let Some(failures) = self.consecutive_failures {
            return Ok(Trip::consecutive_failures(number("consecutive_failures", failures, U32)?));
        }
        if let Some(failures) = self.failures {
            return Ok(Trip::failures(number("failures", failures, U32)?, self.window()?));
        }
        if let Some(rate) = self.failure_rate {
            return Ok(Trip::failure_rate(
                ratio("failure_rate", rate)?,
                minimum()?,
                self.window()?,
            ));
        }
        if let Some(rate) = self.slow_rate {
            let slower_than = self.slower_than.as_deref();
            let slower_than = duration(
                "slower_than",
                slower_than.ok_or(Wrong::Whole("slow_rate without slower_than"))?,
            )?;
            let rate = ratio("slow_rate", rate)?;
            return Ok(Trip::slow_rate(rate, slower_than, minimum()?, self.window()?)?);
        }
        let required = ratio("success_rate", self.success_rate.unwrap_or_default())?;
        Ok(Trip::success_rate(required, minimum()?, self.mean()?))
    }

    /// Refuses parts of one rule in another.
    fn only_what_belongs(&self) -> Result<(), Wrong> {
        let window = self.last.is_some() || self.within.is_some() || self.buckets.is_some();
        let mean = self.ewma_last.is_some() || self.ewma_within.is_some();
        if self.consecutive_failures.is_some() && window {
            return Err(Wrong::Whole("consecutive_failures with a window"));
        }
        if (self.consecutive_failures.is_some() || self.failures.is_some())
            && self.minimum_calls.is_some()
        {
            return Err(Wrong::Whole("a number of failures with minimum_calls"));
        }
        if self.slow_rate.is_none() && self.slower_than.is_some() {
            return Err(Wrong::Whole("slower_than without slow_rate"));
        }
        if self.success_rate.is_some() && window {
            return Err(Wrong::Whole("success_rate with a window: it takes a mean"));
        }
        if self.success_rate.is_none() && mean {
            return Err(Wrong::Whole("a mean without success_rate"));
        }
        Ok(())
    }

    fn window(&self) -> Result<Window, Wrong> {
        match (self.last, &self.within, self.buckets) {
            (Some(calls), None, None) => Ok(Window::last(number("last", calls, U16)?)),
            (None, Some(length), buckets) => {
                let buckets = buckets.unwrap_or(i64::from(Window::BUCKETS.get()));
                Ok(Window::within_buckets(
                    duration("within", length)?,
                    number("buckets", buckets, "within 1..=255")?,
                )?)
            }
            (Some(_), Some(_), _) => Err(Wrong::Whole("both last and within")),
            (Some(_), None, Some(_)) => Err(Wrong::Whole("last with buckets")),
            (None, None, _) => Err(Wrong::Whole("neither last nor within")),
        }
    }

    fn mean(&self) -> Result<Ewma, Wrong> {
        match (self.ewma_last, &self.ewma_within) {
            (Some(calls), None) => Ok(Ewma::last(number("ewma_last", calls, U16)?)),
            (None, Some(time)) => Ok(Ewma::within(duration("ewma_within", time)?)?),
            (Some(_), Some(_)) => Err(Wrong::Whole("both ewma_last and ewma_within")),
            (None, None) => Err(Wrong::Whole("neither ewma_last nor ewma_within")),
        }
    }
}

/// What is wrong with a rule: as a whole, or in one of its fields.
enum Wrong {
    Whole(&'static str),
    Part(InvalidSetting),
}

impl From<InvalidSetting> for Wrong {
    fn from(error: InvalidSetting) -> Self {
        Self::Part(error)
    }
}

impl From<Rule> for FileTrip {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Consecutive(failures) => {
                Self { consecutive_failures: Some(failures.get().into()), ..Self::default() }
            }
            Rule::Failures { failures, window } => {
                Self { failures: Some(failures.get().into()), ..window.into() }
            }
            Rule::FailureRate { ratio, minimum_calls, window } => Self {
                failure_rate: Some(ratio.get()),
                minimum_calls: Some(minimum_calls.get().into()),
                ..window.into()
            },
            Rule::SlowRate { ratio, slower_than, minimum_calls, window } => Self {
                slow_rate: Some(ratio.get()),
                slower_than: Some(text(slower_than)),
                minimum_calls: Some(minimum_calls.get().into()),
                ..window.into()
            },
            Rule::SuccessRate { required, minimum_calls, over } => {
                let rule = Self {
                    success_rate: Some(required.get()),
                    minimum_calls: Some(minimum_calls.get().into()),
                    ..Self::default()
                };
                match over.0 {
                    Memory::Calls(calls) => Self { ewma_last: Some(calls.get().into()), ..rule },
                    Memory::Time(time) => Self { ewma_within: Some(text(time)), ..rule },
                }
            }
        }
    }
}

impl From<Window> for FileTrip {
    fn from(window: Window) -> Self {
        match window.0 {
            Span::Calls(calls) => Self { last: Some(calls.get().into()), ..Self::default() },
            Span::Time { length, buckets } => Self {
                within: Some(text(length)),
                buckets: Some(buckets.get().into()),
                ..Self::default()
            },
        }
    }
}
