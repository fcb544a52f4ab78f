//! Tokens: who gets in and who does not.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderName, Request, Response, StatusCode, header};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use orlop_gateway_filters::{Body, Jwt, JwtKey, JwtSettings};
use serde_json::{Value, json};

use crate::support::{behind, echo_headers, send, text};

const SECRET: &[u8] = b"a secret of thirty-two bytes, ok";
const NOW: u64 = 1_000_000;

/// RFC 8037 appendix A: the example key, as PKCS #8, and its public half.
const ED_PRIVATE: [u8; 48] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
    0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
];
const ED_PUBLIC: [u8; 32] = [
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
    0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];

fn settings() -> JwtSettings {
    JwtSettings::new().issuer("https://id.test").audience("gateway")
}

pub(crate) fn filter(settings: JwtSettings) -> Jwt {
    let keys =
        [JwtKey::hs256(SECRET).unwrap().id("hs"), JwtKey::ed25519(ED_PUBLIC).unwrap().id("ed")];
    Jwt::new(keys, settings, Arc::new(|| UNIX_EPOCH + Duration::from_secs(NOW)))
}

fn claims() -> Value {
    json!({ "sub": "member-1", "iss": "https://id.test", "aud": "gateway", "exp": NOW + 60 })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn hs(claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

fn by_hand(head: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(head), part(claims))
}

async fn ask(settings: JwtSettings, token: &str) -> Response<Body> {
    let req = Request::get("/").header(header::AUTHORIZATION, format!("Bearer {token}"));
    send(&behind(filter(settings), echo_headers()), req.body(Body::Empty).unwrap()).await
}

/// The reason of a refusal.
async fn refused(token: &str) -> String {
    let res = ask(settings(), token).await;
    assert_eq!(res.status(), StatusCode::UNAUTHORIZED, "{token}");
    let challenge = res.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned();
    let reason = text(res).await;
    let expected = format!("Bearer error=\"invalid_token\", error_description=\"{reason}\"");
    assert_eq!(challenge, expected);
    reason
}

#[tokio::test]
async fn a_good_token_gets_in_and_says_who_it_is() {
    let ed = EncodingKey::from_ed_der(&ED_PRIVATE);
    let ed = encode(&Header::new(Algorithm::EdDSA), &claims(), &ed).unwrap();
    for token in [hs(&claims()), ed, hs(&with("aud", json!(["other", "gateway"])))] {
        let res = ask(settings(), &token).await;
        assert_eq!(res.status(), StatusCode::OK);
        assert!(text(res).await.contains("x-orlop-subject: member-1\n"));
    }
}

#[tokio::test]
async fn identity_comes_from_the_token_alone() {
    let roles = HeaderName::from_static("x-roles");
    let settings = settings().claim_header("roles", roles).forward(false).required(false);
    let gateway = behind(filter(settings), echo_headers());
    let forged = || {
        Request::get("/")
            .header("x-orlop-subject", "root")
            .header("x-orlop-subject", "root")
            .header("x-roles", "admin")
    };
    let seen = text(send(&gateway, forged().body(Body::Empty).unwrap()).await).await;
    assert_eq!(seen, "", "nobody, and nothing forged");

    let token = hs(&with("roles", json!(["viewer", "editor", { "no": "object" }])));
    let req = forged().header(header::AUTHORIZATION, format!("bearer {token}"));
    let mut seen: Vec<_> = text(send(&gateway, req.body(Body::Empty).unwrap()).await)
        .await
        .lines()
        .map(str::to_owned)
        .collect();
    seen.sort();
    assert_eq!(seen, ["x-orlop-subject: member-1", "x-roles: viewer,editor"]);
}

#[tokio::test]
async fn no_token_is_401_without_an_error_and_two_or_another_scheme_are_no_token() {
    let gateway = behind(filter(settings()), echo_headers());
    let optional = behind(filter(settings().required(false)), echo_headers());
    let none = || Request::get("/");
    let basic = || Request::get("/").header(header::AUTHORIZATION, "Basic eA==");
    let two = || {
        let token = format!("Bearer {}", hs(&claims()));
        Request::get("/").header(header::AUTHORIZATION, &token).header(header::AUTHORIZATION, token)
    };
    for req in [none(), basic(), two()] {
        let res = send(&gateway, req.body(Body::Empty).unwrap()).await;
        assert_eq!(res.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(res.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }
    let res = send(&optional, none().body(Body::Empty).unwrap()).await;
    assert_eq!(res.status(), StatusCode::OK);
    for req in [basic(), two()] {
        let res = send(&optional, req.body(Body::Empty).unwrap()).await;
        assert_eq!(res.status(), StatusCode::UNAUTHORIZED, "a bad one is refused always");
    }
}

#[tokio::test]
async fn unsigned_and_wrongly_signed_tokens_stay_out() {
    let unsigned = "the token is not signed by a known key";
    for alg in ["none", "None", "NONE", "", "RS256", "HS512", "hs256", "ES256"] {
        let token = by_hand(&json!({ "alg": alg }), &claims(), "");
        assert_eq!(refused(&token).await, unsigned, "{alg}");
    }
    let other = EncodingKey::from_secret(b"another secret of the same size.");
    let token = encode(&Header::new(Algorithm::HS256), &claims(), &other).unwrap();
    assert_eq!(refused(&token).await, unsigned, "wrong key");

    // The classic confusion: the public key is known to all, and taken for a secret it would verify this.
    let public = EncodingKey::from_secret(&ED_PUBLIC);
    for kid in [None, Some("ed"), Some("hs")] {
        let mut head = Header::new(Algorithm::HS256);
        head.kid = kid.map(Into::into);
        let token = encode(&head, &claims(), &public).unwrap();
        assert_eq!(refused(&token).await, unsigned, "{kid:?}");
    }
    // And the other way: a good HS256 signature under an EdDSA head.
    let good = hs(&claims());
    let signature = good.rsplit_once('.').unwrap().1;
    let token = by_hand(&json!({ "alg": "EdDSA" }), &claims(), signature);
    assert_eq!(refused(&token).await, unsigned);

    // Signed as HS256 by the right key, but the head says otherwise.
    for alg in ["RS256", "none", "EdDSA", "HS384"] {
        let unsigned_part = by_hand(&json!({ "alg": alg }), &claims(), "");
        let message = unsigned_part.trim_end_matches('.');
        let key = EncodingKey::from_secret(SECRET);
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        assert_eq!(refused(&format!("{message}.{signature}")).await, unsigned, "{alg}");
    }

    let mut head = Header::new(Algorithm::HS256);
    head.kid = Some("../../dev/null".into());
    let token = encode(&head, &claims(), &EncodingKey::from_secret(SECRET)).unwrap();
    assert_eq!(refused(&token).await, unsigned, "a kid of no key");

    let (message, signature) = good.rsplit_once('.').unwrap();
    let changed = message.replace('.', "A.");
    assert_ne!(ask(settings(), &format!("{changed}.{signature}")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn times_are_kept_to_the_leeway() {
    let expired = "the token has expired";
    // Default leeway: 60 s.
    assert_eq!(refused(&hs(&with("exp", json!(NOW - 60)))).await, expired, "on or after");
    let res = ask(settings(), &hs(&with("exp", json!(NOW - 59)))).await;
    assert_eq!(res.status(), StatusCode::OK);
    let strict = || settings().leeway(Duration::ZERO);
    let res = ask(strict(), &hs(&with("exp", json!(NOW)))).await;
    assert_eq!(res.status(), StatusCode::UNAUTHORIZED);
    let res = ask(strict(), &hs(&with("exp", json!(NOW as f64 + 0.5)))).await;
    assert_eq!(res.status(), StatusCode::OK);

    let early = "the token is not yet valid";
    assert_eq!(refused(&hs(&with("nbf", json!(NOW + 61)))).await, early);
    let res = ask(settings(), &hs(&with("nbf", json!(NOW + 60)))).await;
    assert_eq!(res.status(), StatusCode::OK);

    let mut eternal = claims();
    eternal.as_object_mut().unwrap().remove("exp");
    assert_eq!(refused(&hs(&eternal)).await, "exp is missing");
    for exp in [json!("soon"), json!(null), json!([1]), json!(true)] {
        assert_eq!(refused(&hs(&with("exp", exp))).await, "exp is not a time");
    }
    assert_eq!(refused(&hs(&with("nbf", json!("x")))).await, "nbf is not a time");
}

#[tokio::test]
async fn issuer_audience_and_subject_are_checked() {
    let audience = "the token is for another audience";
    for aud in [json!("other"), json!(["other"]), json!([]), json!(null), json!({})] {
        assert_eq!(refused(&hs(&with("aud", aud))).await, audience);
    }
    for iss in [json!("https://evil.test"), json!(["https://id.test"]), json!(null)] {
        let reason = refused(&hs(&with("iss", iss))).await;
        assert_eq!(reason, "the token is from another issuer");
    }
    for sub in [json!(""), json!(7), json!(null)] {
        assert_eq!(refused(&hs(&with("sub", sub))).await, "sub is missing");
    }
    assert_eq!(refused(&hs(&with("sub", json!("a\nb")))).await, "sub is not printable");
}

#[tokio::test]
async fn what_is_no_token_is_malformed() {
    let good = hs(&claims());
    let many =
        ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "é.é.é", &good[1..], &good[..good.len() - 2]];
    for token in many {
        let Ok(value) = http::HeaderValue::from_str(&format!("Bearer {token}")) else { continue };
        let req = Request::get("/").header(header::AUTHORIZATION, value);
        let gateway = behind(filter(settings()), echo_headers());
        let res = send(&gateway, req.body(Body::Empty).unwrap()).await;
        assert_eq!(res.status(), StatusCode::UNAUTHORIZED, "{token}");
        assert_eq!(gateway.filters().status()[0].failures, 0, "{token}");
    }
    let mut head = Header::new(Algorithm::HS256);
    head.extras.insert("crit", ["exp"]);
    let crit = encode(&head, &claims(), &EncodingKey::from_secret(SECRET)).unwrap();
    assert_eq!(refused(&crit).await, "the token needs an extension");
    assert_eq!(refused(&format!("{}.a.b", "a".repeat(20_000))).await, "the token is too long");
}

#[test]
fn weak_keys_are_refused_and_no_key_is_shown() {
    let bad = JwtKey::hs256(*b"too short").unwrap_err();
    assert_eq!(bad.to_string(), "jwt.keys.secret must be at least 32 bytes, got 9 bytes");
    // Not every 32 bytes are a point.
    assert!(JwtKey::ed25519([2; 32]).is_err());
    let shown = format!("{:?} {:?}", JwtKey::hs256(SECRET).unwrap().id("k"), filter(settings()));
    assert!(!shown.contains("secret of"), "{shown}");
    assert!(!shown.contains(&format!("{SECRET:?}")), "{shown}");
}
