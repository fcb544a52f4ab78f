//! Bearer tokens.

mod key;
mod verify;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};

pub use self::key::JwtKey;
use self::verify::{Claims, Prepared, verify};
use crate::{Body, Category, Filter, FilterMeta, Phases, RequestCx, Step, answer::plain, order};

/// Tells the time of day. Passed in, so that tests and simulations can say what it is.
pub type WallClock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// An access filter that lets in who has a valid bearer token, and tells the rest of the chain who that is.
///
/// Checked are the signature, by keys that are each for one algorithm (`HS256` or `EdDSA`); `exp`, which must be there;
/// `nbf`; and `iss` and `aud` if they are set. What fails is answered with 401 and `WWW-Authenticate`.
///
/// The identity headers that come with a request are removed, whoever sent them; the verified subject is put into
/// `x-orlop-subject` and into [`RequestCx::subject`]. Clones share the keys.
#[derive(Clone)]
pub struct Jwt {
    settings: JwtSettings,
    shared: Arc<Shared>,
    clock: WallClock,
}

/// What tokens must say, and what is done with them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "settings::Raw"))]
pub struct JwtSettings {
    issuer: Option<String>,
    audience: Option<String>,
    leeway: Duration,
    required: bool,
    forward: bool,
    claims: Vec<(String, HeaderName)>,
}

struct Shared {
    keys: Vec<Prepared>,
    expected: Claims,
}

/// More than that is no difference between clocks.
const LONGEST_LEEWAY: Duration = Duration::from_secs(300);

const SUBJECT: HeaderName = HeaderName::from_static("x-orlop-subject");

// ===== impl Jwt =====

impl Jwt {
    /// Checks tokens by these keys and settings.
    ///
    /// Without keys nobody gets in.
    pub fn new(
        keys: impl IntoIterator<Item = JwtKey>,
        settings: JwtSettings,
        clock: WallClock,
    ) -> Self {
        let expected = Claims {
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            leeway: settings.leeway,
        };
        let keys = keys.into_iter().map(Prepared::new).collect();
        Self { settings, shared: Arc::new(Shared { keys, expected }), clock }
    }

    fn strip_identity(&self, headers: &mut HeaderMap) {
        headers.remove(SUBJECT);
        for (_, header) in &self.settings.claims {
            headers.remove(header);
        }
    }

    fn admit(&self, cx: &mut RequestCx, req: &mut Request<Body>, token: Token) -> Step<'static> {
        let Token::Bearer(token) = token else {
            return Step::respond(unauthorized(None));
        };
        let subject = match verify(&token, &self.shared.keys, &self.shared.expected, (self.clock)())
        {
            Ok(subject) => subject,
            Err(reason) => return Step::respond(unauthorized(Some(reason))),
        };
        // A subject that is no header value cannot be told to the endpoint, which would then see nobody.
        let Ok(id) = HeaderValue::from_str(subject.id()) else {
            return Step::respond(unauthorized(Some("sub is not printable")));
        };
        let headers = req.headers_mut();
        headers.insert(SUBJECT, id);
        for (claim, header) in &self.settings.claims {
            if let Ok(value) = HeaderValue::from_str(&subject.claims(claim).join(","))
                && !value.is_empty()
            {
                headers.insert(header.clone(), value);
            }
        }
        if !self.settings.forward {
            headers.remove(header::AUTHORIZATION);
        }
        cx.set_subject(subject);
        Step::CONTINUE
    }
}

impl Filter for Jwt {
    fn meta(&self) -> FilterMeta {
        FilterMeta::new("jwt", Category::Access).order(order::JWT).phases(Phases::Inbound)
    }

    fn on_request<'a>(&'a self, cx: &'a mut RequestCx, req: &'a mut Request<Body>) -> Step<'a> {
        self.strip_identity(req.headers_mut());
        match Token::of(req.headers()) {
            Token::Missing if !self.settings.required => Step::CONTINUE,
            token => self.admit(cx, req, token),
        }
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("settings", &self.settings)
            .field("keys", &self.shared.keys.len())
            .finish_non_exhaustive()
    }
}

/// RFC 6750 3: without a token no error is named.
fn unauthorized(reason: Option<&'static str>) -> Response<Body> {
    let mut res = plain(StatusCode::UNAUTHORIZED, reason.unwrap_or("a bearer token is needed"));
    let challenge = match reason {
        None => HeaderValue::from_static("Bearer"),
        Some(reason) => {
            let text = format!("Bearer error=\"invalid_token\", error_description=\"{reason}\"");
            // The reasons are ours and plain text.
            HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Bearer"))
        }
    };
    res.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    res
}

/// What came in `Authorization`.
enum Token {
    Missing,
    /// Another scheme, not text, or more than one header.
    Unusable,
    Bearer(String),
}

impl Token {
    fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Self::Missing };
        // Two readers could each pick another one.
        if values.next().is_some() {
            return Self::Unusable;
        }
        match value.to_str().ok().and_then(|text| text.split_once(' ')) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Self::Bearer(token.trim().into())
            }
            _ => Self::Unusable,
        }
    }
}

// ===== impl JwtSettings =====

impl JwtSettings {
    /// A token is required, 60 s of leeway, any issuer and audience, the token is passed on.
    pub fn new() -> Self {
        Self {
            issuer: None,
            audience: None,
            leeway: Duration::from_secs(60),
            required: true,
            forward: true,
            claims: Vec::new(),
        }
    }

    /// Sets what `iss` must be. Defaults to anything.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets what `aud` must be or contain. Defaults to anything.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets how far the issuer's clock may be off, for `exp` and `nbf`. At most 5 min; defaults to 60 s.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway.min(LONGEST_LEEWAY);
        self
    }

    /// Whether a request without a token is refused. Defaults to true. A bad token is refused always.
    #[must_use]
    pub fn required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// Whether the endpoint sees the token, too. Defaults to true.
    #[must_use]
    pub fn forward(mut self, forward: bool) -> Self {
        self.forward = forward;
        self
    }

    /// Passes a claim on in a header, several values with commas between them. The header is an identity header then:
    /// what a caller puts into it is removed.
    #[must_use]
    pub fn claim_header(mut self, claim: impl Into<String>, header: HeaderName) -> Self {
        self.claims.push((claim.into(), header));
        self
    }
}

impl Default for JwtSettings {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "serde")]
mod settings {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::BadSetting;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Raw {
        issuer: Option<String>,
        audience: Option<String>,
        #[serde(default, with = "orlop_core::duration_option")]
        leeway: Option<Duration>,
        required: Option<bool>,
        forward: Option<bool>,
        #[serde(default)]
        claim_headers: BTreeMap<String, String>,
    }

    impl TryFrom<Raw> for JwtSettings {
        type Error = BadSetting;

        fn try_from(raw: Raw) -> Result<Self, BadSetting> {
            let mut settings = Self::new();
            if let Some(leeway) = raw.leeway {
                settings.leeway =
                    BadSetting::span("leeway", leeway, Duration::ZERO..=LONGEST_LEEWAY)?;
            }
            for (claim, header) in raw.claim_headers {
                let name = HeaderName::from_bytes(header.as_bytes()).map_err(|_| {
                    BadSetting::new(format!("claim_headers.{claim}"), header, "a header name")
                })?;
                settings = settings.claim_header(claim, name);
            }
            settings.issuer = raw.issuer;
            settings.audience = raw.audience;
            settings.required = raw.required.unwrap_or(settings.required);
            settings.forward = raw.forward.unwrap_or(settings.forward);
            Ok(settings)
        }
    }
}
