//! Settings files: what is wrong says where, what, and what is allowed.

use orlop_gateway_filters::{
    Gzip, HeaderRewrite, JwtSettings, Normalize, Rate, RateLimit, Routes, StaticAnswer,
};
use serde_json::from_str;

fn bad<T: serde::de::DeserializeOwned>(json: &str) -> String {
    match from_str::<T>(json) {
        Ok(_) => panic!("{json} is not valid"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn good_ones_are_read() {
    from_str::<Rate>(r#"{ "count": 5, "per": "250ms", "burst": 2 }"#).unwrap();
    from_str::<RateLimit>(
        r#"{ "rate": { "count": 5, "per": "1s" }, "key": { "header": "x-key" }, "keys": 9 }"#,
    )
    .unwrap();
    from_str::<Gzip>(r#"{ "level": 9, "types": ["text/*"] }"#).unwrap();
    from_str::<Normalize>(r#"{ "require_host": false }"#).unwrap();
    from_str::<StaticAnswer>(r#"{ "status": 200, "body": "ok", "headers": { "x-a": "1" } }"#)
        .unwrap();
    from_str::<Routes>(r#"[{ "path": "/a", "endpoint": "a", "methods": ["GET"] }]"#).unwrap();
    from_str::<HeaderRewrite>(
        r#"{ "name": "n", "request": { "set": { "x-a": "1" }, "remove": ["cookie"] } }"#,
    )
    .unwrap();
    let jwt: JwtSettings =
        toml::from_str("issuer = \"i\"\nleeway = \"5s\"\nclaim_headers = { roles = \"x-roles\" }")
            .unwrap();
    let same = JwtSettings::new()
        .issuer("i")
        .leeway(std::time::Duration::from_secs(5))
        .claim_header("roles", "x-roles".parse().unwrap());
    assert_eq!(jwt, same);
}

#[test]
fn bad_ones_say_path_value_and_what_is_allowed() {
    for (error, part) in [
        (
            bad::<Rate>(r#"{ "count": 0, "per": "1s" }"#),
            "count must be within 1..=4294967295, got 0",
        ),
        (bad::<Rate>(r#"{ "count": 1, "per": "0s" }"#), "per must be within 1ns..=86400s, got 0ns"),
        (bad::<Rate>(r#"{ "count": 1, "per": "5" }"#), "got \"5\""),
        (bad::<Gzip>(r#"{ "level": 11 }"#), "level must be within 1..=9, got 11"),
        (bad::<Gzip>(r#"{ "types": ["json"] }"#), "types must be type/subtype or type/*, got json"),
        (
            bad::<JwtSettings>(r#"{ "leeway": "1h" }"#),
            "leeway must be within 0ns..=300s, got 3600s",
        ),
        (bad::<StaticAnswer>(r#"{ "status": 42 }"#), "status must be within 200..=999, got 42"),
        (
            bad::<HeaderRewrite>(r#"{ "request": { "set": { "host": "x" } } }"#),
            "set must be a header name other than",
        ),
        (bad::<Routes>(r#"[{ "path": "a", "endpoint": "a" }]"#), "routes.path must be"),
        (bad::<Normalize>(r#"{ "hosts": true }"#), "unknown field `hosts`"),
        (bad::<Gzip>(r#"{ "lvl": 1 }"#), "unknown field `lvl`"),
        (bad::<JwtSettings>(r#"{ "aud": "x" }"#), "unknown field `aud`"),
        (bad::<RateLimit>(r#"{ "rate": { "count": 1, "per": "1s" }, "key": "ip" }"#), "`ip`"),
    ] {
        assert!(error.contains(part), "{error}\n  should say\n{part}");
    }
}
