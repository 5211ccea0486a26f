//! Tokens: what is verified, and what is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::TokenConfigError;

const RS256_PEM: &[u8] = include_bytes!("keys/rs256.pem");
const RS256_TOKEN: &str = include_str!("keys/rs256.token");
const ES256_PEM: &[u8] = include_bytes!("keys/es256.pem");
const ES256_TOKEN: &str = include_str!("keys/es256.token");

fn api_of(keys: &[TokenKey], audience: Option<&str>, issuer: Option<&str>) -> Router {
    let verifier = Some(Verifier::new(keys, audience, issuer).unwrap());
    api_with(social(), ApiConfig { verifier, ..ApiConfig::default() })
}

fn hs256() -> TokenKey {
    TokenKey::Hs256 { secret: SECRET.to_vec() }
}

async fn rows(api: &Router, token: &str) -> Result<usize, String> {
    let answer = get_as(api, token, "/v1/views/following_feed?limit=5").await;
    if answer.status == StatusCode::OK {
        return Ok(answer.rows().len());
    }
    assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    Err(answer.problem(401, "bad_token", Some("Authorization")))
}

#[tokio::test]
async fn tokens_of_every_configured_key_are_accepted() {
    let rs256 = TokenKey::Rs256 { pem: RS256_PEM.to_vec() };
    let es256 = TokenKey::Es256 { pem: ES256_PEM.to_vec() };
    let other = TokenKey::Hs256 { secret: b"another secret of at least 32 bytes".to_vec() };
    let api = api_of(&[other, hs256(), rs256, es256], None, None);
    for token in [token(1).as_str(), RS256_TOKEN, ES256_TOKEN] {
        assert_eq!(rows(&api, token).await, Ok(5));
    }
}

#[tokio::test]
async fn the_algorithm_is_that_of_the_key() {
    let rs256 = api_of(&[TokenKey::Rs256 { pem: RS256_PEM.to_vec() }], None, None);
    let claims = json!({ "sub": "1", "exp": FAR_FUTURE });
    // The public key is known to everybody: as a secret it must not verify anything.
    let confused = encode(&Header::default(), &claims, &EncodingKey::from_secret(RS256_PEM)).unwrap();
    assert!(rows(&rs256, &confused).await.unwrap_err().contains("algorithm"));
    assert!(rows(&rs256, ES256_TOKEN).await.is_err());
    assert!(rows(&api(), RS256_TOKEN).await.is_err());
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let unsigned = format!("{none}.{}.", URL_SAFE_NO_PAD.encode(claims.to_string()));
    assert!(rows(&api(), &unsigned).await.is_err());
    let hs512 = encode(&Header::new(jsonwebtoken::Algorithm::HS512), &claims, &EncodingKey::from_secret(SECRET)).unwrap();
    assert!(rows(&api(), &hs512).await.unwrap_err().contains("algorithm"));
}

#[tokio::test]
async fn tokens_that_say_too_little_or_too_much_are_refused() {
    let cases = [
        (json!({ "sub": "1" }), "no claim 'exp'"),
        (json!({ "sub": "1", "exp": 1 }), "expired"),
        (json!({ "sub": "1", "exp": "soon" }), "exp"),
        (json!({ "sub": "1", "exp": FAR_FUTURE, "nbf": FAR_FUTURE }), "not valid yet"),
    ];
    for (claims, expected) in cases {
        let refusal = rows(&api(), &sign(claims.clone())).await.unwrap_err();
        assert!(refusal.contains(expected), "{claims}: {refusal}");
    }
    let [header, claims, signature] = token(1).split('.').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
    let forged = URL_SAFE_NO_PAD.encode(json!({ "sub": "2", "exp": FAR_FUTURE }).to_string());
    for broken in
        [format!("{header}.{forged}.{signature}"), format!("{header}.{claims}."), format!("{header}.{claims}"), "x".into()]
    {
        assert!(rows(&api(), &broken).await.is_err(), "{broken}");
    }
}

#[tokio::test]
async fn a_configured_audience_and_issuer_must_be_in_the_token() {
    let api = api_of(&[hs256()], Some("tidewater"), Some("login"));
    let claims = |aud: Json, iss: Json| sign(json!({ "sub": "1", "exp": FAR_FUTURE, "aud": aud, "iss": iss }));
    assert_eq!(rows(&api, &claims(json!("tidewater"), json!("login"))).await, Ok(5));
    assert_eq!(rows(&api, &claims(json!(["x", "tidewater"]), json!("login"))).await, Ok(5));
    for (audience, issuer) in [("other", "login"), ("tidewater", "other")] {
        assert!(rows(&api, &claims(json!(audience), json!(issuer))).await.is_err());
    }
    assert!(rows(&api, &token(1)).await.is_err());
    let unconfigured = api_of(&[hs256()], None, None);
    assert_eq!(rows(&unconfigured, &claims(json!("any"), json!("any"))).await, Ok(5));
}

#[tokio::test]
async fn a_bad_token_is_refused_on_public_views_too() {
    for value in [&b"Basic dXNlcjpwYXNz"[..], b"Bearer", b"Bearer ", b"Bearer x.y.z", b"Bearer \xff", b""] {
        let request = Request::get("/v1/views/posts").header("Authorization", value).body(Body::empty()).unwrap();
        send(&api(), request).await.problem(401, "bad_token", Some("Authorization"));
    }
    let twice = Request::get("/v1/views/posts")
        .header("Authorization", format!("Bearer {}", token(1)))
        .header("Authorization", format!("Bearer {}", token(2)));
    send(&api(), twice.body(Body::empty()).unwrap()).await.problem(401, "bad_token", Some("Authorization"));
    let no_keys = api_with(social(), ApiConfig::default());
    let request =
        Request::get("/v1/views/posts").header("Host", "localhost").header("Authorization", format!("Bearer {}", token(1)));
    let detail = send(&no_keys, request.body(Body::empty()).unwrap()).await.problem(401, "bad_token", Some("Authorization"));
    assert!(detail.contains("configured"));
}

#[tokio::test]
async fn keys_that_protect_nothing_are_refused_at_the_start() {
    let short = Verifier::new(&[TokenKey::Hs256 { secret: b"short".to_vec() }], None, None);
    assert!(matches!(short, Err(TokenConfigError::ShortSecret { bytes: 5 })));
    let mixed = Verifier::new(&[TokenKey::Rs256 { pem: ES256_PEM.to_vec() }], None, None);
    assert!(matches!(mixed, Err(TokenConfigError::BadKey { .. })));
}
