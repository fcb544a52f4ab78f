//! Signed links: whoever has one may fetch one title's bytes from one appliance until it expires.
//!
//! ```text
//! http://127.0.1.1:18003/titles/t00042/bytes?member=m7&zone=a&expires=1767225720&signature=<64 hex digits>
//! ```
//!
//! The signature covers the path, the title, the member, the zone of the appliance and the expiry, each with its length,
//! so no two different links have the same signed text. Host and port are not signed: an appliance knows its zone.

use std::fmt;

use hmac::Mac;
use serde::Deserialize;

use super::{HmacSha256, mac};
use crate::catalogue::TitleId;
use crate::settings::Secret;
use crate::topology::Zone;

/// A link is good for this many seconds after its expiry, because clocks of two machines differ. 5 s.
pub const LINK_SKEW: u64 = 5;

/// What a link allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The title whose bytes may be fetched.
    pub title: TitleId,
    /// Who may fetch them. Letters, digits, `-`, `_` and `.` need no escape in a link; others are refused when it is made.
    pub member: String,
    /// In which zone the appliance stands.
    pub zone: Zone,
    /// Until when, in seconds since 1970.
    pub expires: u64,
}

/// Makes links and checks them. Clones share nothing but the key.
#[derive(Clone)]
pub struct LinkSigner {
    mac: HmacSha256,
}

/// Why a link is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadLink {
    /// Without a signature, or with parameters missing, doubled or not understood.
    Malformed,
    /// The signature is not ours, or something that it covers was changed.
    Altered,
    /// It was good once.
    Expired,
    /// It is for an appliance in another zone.
    Elsewhere,
    /// The member's name needs an escape. Only when a link is made.
    Member,
}

#[derive(Deserialize)]
struct Query {
    member: String,
    zone: Zone,
    expires: u64,
    signature: String,
}

// ===== impl LinkSigner =====

impl LinkSigner {
    /// With the platform's secret.
    pub fn new(secret: &Secret) -> Self {
        Self { mac: mac(secret, "link") }
    }

    /// Path and query of the link that gives `grant`; host and port of the appliance go before it.
    ///
    /// # Errors
    ///
    /// [`BadLink::Member`].
    pub fn sign(&self, grant: &Grant) -> Result<String, BadLink> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if grant.member.is_empty() || !grant.member.bytes().all(plain) {
            return Err(BadLink::Member);
        }
        let path = path(grant.title);
        let signature = hex::encode(self.over(&path, grant).finalize().into_bytes());
        let Grant { member, zone, expires, .. } = grant;
        Ok(format!("{path}?member={member}&zone={zone}&expires={expires}&signature={signature}"))
    }

    /// What the link with this path and query allows at `now` (seconds since 1970) at an appliance in `zone`.
    ///
    /// The signature is compared in constant time, and before anything else that it covers.
    ///
    /// # Errors
    ///
    /// As [`BadLink`] says, expired only [`LINK_SKEW`] after the expiry.
    pub fn check(
        &self,
        path: &str,
        query: Option<&str>,
        zone: Zone,
        now: u64,
    ) -> Result<Grant, BadLink> {
        let title = path.strip_prefix("/titles/").and_then(|rest| rest.strip_suffix("/bytes"));
        let title: TitleId = title.and_then(|id| id.parse().ok()).ok_or(BadLink::Malformed)?;
        let query = parse(query.unwrap_or_default()).ok_or(BadLink::Malformed)?;
        let signature = hex::decode(&query.signature).map_err(|_| BadLink::Malformed)?;
        let Query { member, zone: signed_for, expires, .. } = query;
        let grant = Grant { title, member, zone: signed_for, expires };
        self.over(path, &grant).verify_slice(&signature).map_err(|_| BadLink::Altered)?;
        if now > expires.saturating_add(LINK_SKEW) {
            return Err(BadLink::Expired);
        }
        if grant.zone != zone {
            return Err(BadLink::Elsewhere);
        }
        Ok(grant)
    }

    fn over(&self, path: &str, grant: &Grant) -> HmacSha256 {
        let (title, expires) = (grant.title.to_string(), grant.expires.to_string());
        let mut mac = self.mac.clone();
        for part in [path, &title, &grant.member, grant.zone.as_str(), &expires] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

impl fmt::Debug for LinkSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSigner(..)")
    }
}

fn path(title: TitleId) -> String {
    format!("/titles/{title}/bytes")
}

fn parse(query: &str) -> Option<Query> {
    // By hand, not through a form decoder: a link of ours has no escapes, each parameter once, and nothing else.
    let mut found = [None; 4];
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=')?;
        let at = ["member", "zone", "expires", "signature"].iter().position(|n| *n == name)?;
        if found[at].replace(value).is_some() {
            return None;
        }
    }
    let [member, zone, expires, signature] = found;
    let expires = expires.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(Query {
        member: member?.to_owned(),
        zone: zone?.parse().ok()?,
        expires: expires.parse().ok()?,
        signature: signature?.to_owned(),
    })
}

// ===== impl BadLink =====

impl BadLink {
    /// A word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "link_malformed",
            Self::Altered => "link_altered",
            Self::Expired => "link_expired",
            Self::Elsewhere => "link_elsewhere",
            Self::Member => "link_member",
        }
    }
}

impl fmt::Display for BadLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a link that playback made",
            Self::Altered => "the signature does not fit the link",
            Self::Expired => "the link has expired: start the play again",
            Self::Elsewhere => "the link is for an appliance in another zone",
            Self::Member => "a member's name may have letters, digits, `-`, `_` and `.`",
        })
    }
}

impl std::error::Error for BadLink {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::PlatformSettings;

    const EXPIRES: u64 = 1_767_225_720;

    fn signer(seed: u64) -> LinkSigner {
        LinkSigner::new(&PlatformSettings::seeded(seed).secret)
    }

    fn grant() -> Grant {
        Grant { title: TitleId::new(42), member: "m-7".into(), zone: Zone::A, expires: EXPIRES }
    }

    fn check(link: &str, zone: Zone, now: u64) -> Result<Grant, BadLink> {
        let (path, query) = link.split_once('?').unwrap_or((link, ""));
        signer(1).check(path, Some(query).filter(|q| !q.is_empty()), zone, now)
    }

    #[test]
    fn a_link_says_what_was_granted_until_it_expires() {
        let link = signer(1).sign(&grant()).unwrap();
        assert!(link.starts_with("/titles/t00042/bytes?member=m-7&zone=a&expires=1767225720&"));
        for now in [0, EXPIRES, EXPIRES + LINK_SKEW] {
            assert_eq!(check(&link, Zone::A, now), Ok(grant()), "at {now}");
        }
        assert_eq!(check(&link, Zone::A, EXPIRES + LINK_SKEW + 1), Err(BadLink::Expired));
        assert_eq!(check(&link, Zone::B, 0), Err(BadLink::Elsewhere));
    }

    #[test]
    fn whatever_is_changed_in_a_link_it_is_refused() {
        let link = signer(1).sign(&grant()).unwrap();
        for (from, to, why) in [
            ("t00042", "t00043", BadLink::Altered),
            ("member=m-7", "member=m-8", BadLink::Altered),
            ("zone=a", "zone=b", BadLink::Altered),
            ("expires=1767225720", "expires=1767225721", BadLink::Altered),
            ("expires=1767225720", "expires=+1767225720", BadLink::Malformed),
            ("zone=a", "zone=d", BadLink::Malformed),
            ("t00042", "t042", BadLink::Malformed),
            ("member=m-7&", "", BadLink::Malformed),
            ("&zone=a", "&zone=a&zone=a", BadLink::Malformed),
            ("&zone=a", "&zone=a&more=1", BadLink::Malformed),
            ("/bytes", "/other", BadLink::Malformed),
        ] {
            let changed = link.replacen(from, to, 1);
            assert_ne!(changed, link, "{from} is in the link");
            let refused = check(&changed, Zone::B, EXPIRES).or(check(&changed, Zone::A, EXPIRES));
            assert_eq!(refused, Err(why), "{changed}");
        }
    }

    #[test]
    fn every_bit_of_the_signature_counts() {
        let link = signer(1).sign(&grant()).unwrap();
        let (rest, signature) = link.split_once("signature=").unwrap();
        let good = hex::decode(signature).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let link = format!("{rest}signature={}", hex::encode(&bad));
            assert_eq!(check(&link, Zone::A, 0), Err(BadLink::Altered), "bit {bit}");
        }
        let short = format!("{rest}signature={}", &signature[..32]);
        assert_eq!(check(&short, Zone::A, 0), Err(BadLink::Altered), "a part of it is not enough");
        assert_eq!(check(&format!("{rest}signature=zz"), Zone::A, 0), Err(BadLink::Malformed));
    }

    #[test]
    fn another_platforms_link_is_refused() {
        let link = signer(2).sign(&grant()).unwrap();
        assert_eq!(check(&link, Zone::A, 0), Err(BadLink::Altered));
    }

    #[test]
    fn a_name_that_needs_an_escape_is_not_signed() {
        for member in ["", "a&zone=b", "a b", "ü"] {
            let grant = Grant { member: member.into(), ..grant() };
            assert_eq!(signer(1).sign(&grant), Err(BadLink::Member), "{member:?}");
        }
    }
}
