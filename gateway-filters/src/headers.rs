//! Header rewrite.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

use crate::{BadSetting, Body, Category, Filter, FilterMeta, RequestCx, Step, order};

/// A filter that changes headers of requests and responses.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct HeaderRewrite {
    name: Cow<'static, str>,
    request: HeaderOps,
    response: HeaderOps,
}

/// Changes to a set of headers: removals first, then what is set, then what is appended.
#[derive(Clone, Debug, Default)]
pub struct HeaderOps {
    remove: Vec<HeaderName>,
    set: Vec<(HeaderName, HeaderValue)>,
    append: Vec<(HeaderName, HeaderValue)>,
}

/// Where a message ends and whom it is for is not for a rewrite to say.
const FRAMING: [&str; 5] = ["connection", "content-length", "host", "transfer-encoding", "upgrade"];

// ===== impl HeaderRewrite =====

impl HeaderRewrite {
    /// Changes nothing yet. A chain can hold several, so each has its own name.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), request: HeaderOps::new(), response: HeaderOps::new() }
    }

    /// Sets what is done to requests.
    #[must_use]
    pub fn request(mut self, ops: HeaderOps) -> Self {
        self.request = ops;
        self
    }

    /// Sets what is done to responses.
    #[must_use]
    pub fn response(mut self, ops: HeaderOps) -> Self {
        self.response = ops;
        self
    }
}

impl Default for HeaderRewrite {
    fn default() -> Self {
        Self::new("headers")
    }
}

impl Filter for HeaderRewrite {
    fn meta(&self) -> FilterMeta {
        FilterMeta::new(self.name.clone(), Category::Http).order(order::HEADERS)
    }

    fn on_request<'a>(&'a self, _: &'a mut RequestCx, req: &'a mut Request<Body>) -> Step<'a> {
        self.request.apply(req.headers_mut());
        Step::CONTINUE
    }

    fn on_response<'a>(&'a self, _: &'a mut RequestCx, res: &'a mut Response<Body>) -> Step<'a> {
        self.response.apply(res.headers_mut());
        Step::CONTINUE
    }
}

// ===== impl HeaderOps =====

impl HeaderOps {
    /// No changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts this value in the place of all others.
    ///
    /// # Errors
    ///
    /// Not a header name, not a value, or a header that frames or addresses the message: `connection`,
    /// `content-length`, `host`, `transfer-encoding`, `upgrade`.
    pub fn set(mut self, name: &str, value: &str) -> Result<Self, BadSetting> {
        self.set.push(parse("set", name, value)?);
        Ok(self)
    }

    /// Adds this value to the others.
    ///
    /// # Errors
    ///
    /// As for [`set`](Self::set).
    pub fn append(mut self, name: &str, value: &str) -> Result<Self, BadSetting> {
        self.append.push(parse("append", name, value)?);
        Ok(self)
    }

    /// Takes all values away.
    ///
    /// # Errors
    ///
    /// As for [`set`](Self::set).
    pub fn remove(mut self, name: &str) -> Result<Self, BadSetting> {
        self.remove.push(parse_name("remove", name)?);
        Ok(self)
    }

    fn apply(&self, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name, value.clone());
        }
        for (name, value) in &self.append {
            // Only a message with 32,768 headers has no room; it keeps what it has.
            let _ = headers.try_append(name, value.clone());
        }
    }
}

pub(crate) fn parse(
    path: &str,
    name: &str,
    value: &str,
) -> Result<(HeaderName, HeaderValue), BadSetting> {
    let parsed = parse_name(path, name)?;
    let value = HeaderValue::from_str(value).map_err(|_| {
        BadSetting::new(format!("{path}.{name}"), format!("{value:?}"), "a header value")
    })?;
    Ok((parsed, value))
}

fn parse_name(path: &str, name: &str) -> Result<HeaderName, BadSetting> {
    HeaderName::from_bytes(name.as_bytes())
        .ok()
        .filter(|name| !FRAMING.contains(&name.as_str()))
        .ok_or_else(|| {
            let allowed = format!("a header name other than {}", FRAMING.join(", "));
            BadSetting::new(path, format!("{name:?}"), allowed)
        })
}

#[cfg(feature = "serde")]
mod settings {
    use std::collections::BTreeMap;

    use serde::{Deserialize, de::Error};

    use super::*;

    #[derive(Deserialize)]
    #[serde(default, deny_unknown_fields)]
    #[derive(Default)]
    struct Raw {
        remove: Vec<String>,
        set: BTreeMap<String, String>,
        append: BTreeMap<String, String>,
    }

    impl TryFrom<Raw> for HeaderOps {
        type Error = BadSetting;

        fn try_from(raw: Raw) -> Result<Self, BadSetting> {
            let ops = raw.remove.iter().try_fold(Self::new(), |ops, name| ops.remove(name))?;
            let ops = raw.set.iter().try_fold(ops, |ops, (name, value)| ops.set(name, value))?;
            raw.append.iter().try_fold(ops, |ops, (name, value)| ops.append(name, value))
        }
    }

    impl<'de> Deserialize<'de> for HeaderOps {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            Self::try_from(Raw::deserialize(from)?).map_err(D::Error::custom)
        }
    }
}
