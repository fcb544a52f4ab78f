//! Tokens: signature and claims.
//!
//! RFC 7515, 7519 and 8725. The key says which algorithm it is for; the token's `alg` must name that one and is used for
//! nothing else, so neither `none` nor a public key passed off as a secret gets anywhere.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    crypto::{JwtVerifier, rust_crypto::DEFAULT_PROVIDER},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::key::{JwtKey, Material};
use crate::Subject;

/// A key made ready.
pub(super) struct Prepared {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// What claims must say.
pub(super) struct Claims {
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) leeway: Duration,
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
    b64: Option<bool>,
}

/// No token in use is longer; the work for one is bounded.
const LONGEST: usize = 16 * 1024;

// ===== impl Prepared =====

impl Prepared {
    pub(super) fn new(key: JwtKey) -> Self {
        let (algorithm, decoding) = match &key.material {
            Material::Hs256(secret) => (Algorithm::HS256, DecodingKey::from_secret(secret)),
            Material::EdDsa(public) => (Algorithm::EdDSA, DecodingKey::from_ed_der(public)),
        };
        Self { id: key.id, algorithm, key: decoding }
    }

    /// Named directly, not by the process-wide default: what else is in the program cannot change it.
    pub(super) fn verifier(&self) -> Option<Box<dyn JwtVerifier>> {
        (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm, &self.key).ok()
    }

    fn suits(&self, head: &Head) -> bool {
        let name = match self.algorithm {
            Algorithm::HS256 => "HS256",
            _ => "EdDSA",
        };
        // A key without a name is for tokens that name any key or none; a named one only for its own.
        let named = match (&self.id, &head.kid) {
            (Some(id), Some(kid)) => id == kid,
            (Some(_), None) | (None, _) => true,
        };
        head.alg == name && named
    }
}

/// The subject of a token that one of the keys has signed and whose claims hold at `now`.
pub(super) fn verify(
    token: &str,
    keys: &[Prepared],
    expected: &Claims,
    now: SystemTime,
) -> Result<Subject, &'static str> {
    if token.len() > LONGEST {
        return Err("the token is too long");
    }
    let malformed = "the token is malformed";
    let (message, signature) = token.rsplit_once('.').ok_or(malformed)?;
    let (head, claims) = message.split_once('.').ok_or(malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed)?;
    let head = URL_SAFE_NO_PAD.decode(head).map_err(|_| malformed)?;
    let head: Head = serde_json::from_slice(&head).map_err(|_| malformed)?;
    // RFC 7515 4.1.11: an extension that must be understood, and we understand none.
    if head.crit.is_some() || head.b64.is_some() {
        return Err("the token needs an extension");
    }
    let signed = keys
        .iter()
        .filter(|key| key.suits(&head))
        .filter_map(Prepared::verifier)
        .any(|verifier| verifier.verify(message.as_bytes(), &signature).is_ok());
    if !signed {
        return Err("the token is not signed by a known key");
    }
    // Claims are read only now: what is not signed is not parsed.
    let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| malformed)?;
    let claims: Map<String, Value> = serde_json::from_slice(&claims).map_err(|_| malformed)?;
    check(&claims, expected, now)?;
    subject(&claims)
}

fn check(
    claims: &Map<String, Value>,
    expected: &Claims,
    now: SystemTime,
) -> Result<(), &'static str> {
    // Before 1970 is a clock that is not set: nothing has begun then, so nothing passes that has an `nbf`.
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let leeway = expected.leeway.as_secs_f64();
    let time = |name: &str, bad: &'static str| match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().filter(|at| at.is_finite()).map(Some).ok_or(bad),
    };
    let expires = time("exp", "exp is not a time")?.ok_or("exp is missing")?;
    // RFC 7519 4.1.4: "on or after".
    if now >= expires + leeway {
        return Err("the token has expired");
    }
    if time("nbf", "nbf is not a time")?.is_some_and(|begins| now + leeway < begins) {
        return Err("the token is not yet valid");
    }
    if let Some(issuer) = &expected.issuer
        && claims.get("iss").and_then(Value::as_str) != Some(issuer)
    {
        return Err("the token is from another issuer");
    }
    if let Some(audience) = &expected.audience {
        let named = match claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(many)) => many.iter().any(|one| one == audience.as_str()),
            _ => false,
        };
        if !named {
            return Err("the token is for another audience");
        }
    }
    Ok(())
}

fn subject(claims: &Map<String, Value>) -> Result<Subject, &'static str> {
    let id = claims.get("sub").and_then(Value::as_str).filter(|id| !id.is_empty());
    let mut subject = Subject::new(id.ok_or("sub is missing")?);
    for (name, value) in claims {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        for text in values.iter().filter_map(text) {
            subject = subject.with_claim(name, text);
        }
    }
    Ok(subject)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
