//! Tokens: what is verified, and what is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::TokenConfigError;

const RS256_PEM: &[u8] = include_bytes!("keys/rs256.pem");
const RS256_TOKEN: &str = include_str!("keys/rs256.token");
const ES256_PEM: &[u8] = include_bytes!("keys/es256.pem");
const ES256_TOKEN: &str = include_str!("keys/es256.token");
const RSA_SHORT_PEM: &[u8] = include_bytes!("keys/rsa_1024_bits.pem");
const RSA_LONG_PEM: &[u8] = include_bytes!("keys/rsa_4104_bits.pem");
const RSA_LONG_PKCS1_PEM: &[u8] = include_bytes!("keys/rsa_4104_bits_pkcs1.pem");
const P384_PEM: &[u8] = include_bytes!("keys/p384.pem");
const K256_PEM: &[u8] = include_bytes!("keys/secp256k1.pem");

/// A configuration of these keys and rules.
fn config_of(keys: TokenKeys, rules: TokenRules) -> (ApiConfig, Arc<Verifier>) {
    let verifier = Arc::new(Verifier::new(keys, rules));
    (ApiConfig { verifier: Some(Arc::clone(&verifier)), ..ApiConfig::default() }, verifier)
}

fn api_of(keys: &[TokenKey], rules: TokenRules) -> Router {
    let keys: Vec<_> = keys.iter().map(|key| (None, key.clone())).collect();
    api_with(social(), config_of(token_keys(&keys), rules).0)
}

/// The public keys of the tests as a set has them: of RSA and on P-256.
fn published() -> [Json; 2] {
    let keys: Json = serde_json::from_str(include_str!("keys/public.json")).unwrap();
    [keys["rs"].clone(), keys["es"].clone()]
}

/// The keys of a set.
fn key_set(keys: &[Json]) -> Result<TokenKeys, TokenConfigError> {
    let mut read = TokenKeys::default();
    read.add_key_set(json!({ "keys": keys }).to_string().as_bytes())?;
    Ok(read)
}

/// A secret as a set has it.
fn secret_key(id: &str, secret: &[u8]) -> Json {
    json!({ "kty": "oct", "kid": id, "k": URL_SAFE_NO_PAD.encode(secret) })
}

/// A token with any header, signed with a secret.
fn sign_with_header(header: &Json, claims: &Json, secret: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let key = EncodingKey::from_secret(secret);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

/// The claims of user 1.
fn claims_of_one() -> Json {
    json!({ "sub": "1", "exp": FAR_FUTURE })
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
    let api = api_of(&[other, hs256(), rs256, es256], TokenRules::default());
    for token in [token(1).as_str(), RS256_TOKEN, ES256_TOKEN] {
        assert_eq!(rows(&api, token).await, Ok(5));
    }
}

#[tokio::test]
async fn the_algorithm_is_that_of_the_key() {
    let rs256 = api_of(&[TokenKey::Rs256 { pem: RS256_PEM.to_vec() }], TokenRules::default());
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
        (json!({ "sub": "1", "exp": "soon" }), "'exp' is not a time"),
        (json!({ "sub": "1", "exp": null }), "'exp' is not a time"),
        (json!({ "sub": "1", "exp": FAR_FUTURE, "nbf": "1" }), "'nbf' is not a time"),
        (json!({ "sub": "1", "exp": FAR_FUTURE, "nbf": null }), "'nbf' is not a time"),
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
    let rules = TokenRules { audience: Some("tidewater".into()), issuer: Some("login".into()), ..TokenRules::default() };
    let api = api_of(&[hs256()], rules);
    let claims = |aud: Json, iss: Json| sign(json!({ "sub": "1", "exp": FAR_FUTURE, "aud": aud, "iss": iss }));
    assert_eq!(rows(&api, &claims(json!("tidewater"), json!("login"))).await, Ok(5));
    assert_eq!(rows(&api, &claims(json!(["x", "tidewater"]), json!("login"))).await, Ok(5));
    for (audience, issuer) in [("other", "login"), ("tidewater", "other")] {
        assert!(rows(&api, &claims(json!(audience), json!(issuer))).await.is_err());
    }
    // A list that has the issuer in it is not the issuer.
    for issuer in [json!(["login"]), json!(["x", "login"]), json!({ "login": 1 }), json!(null)] {
        let refusal = rows(&api, &claims(json!("tidewater"), issuer.clone())).await.unwrap_err();
        assert!(refusal.contains("somebody else"), "{issuer}: {refusal}");
    }
    assert!(rows(&api, &token(1)).await.is_err());
    let unconfigured = api_of(&[hs256()], TokenRules::default());
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

#[test]
fn keys_that_protect_nothing_are_refused_at_the_start() {
    let add = |key: TokenKey| TokenKeys::default().add(None, &key);
    assert!(matches!(add(TokenKey::Hs256 { secret: b"short".to_vec() }), Err(TokenConfigError::ShortSecret { bytes: 5 })));
    assert!(matches!(add(TokenKey::Rs256 { pem: ES256_PEM.to_vec() }), Err(TokenConfigError::BadKey { .. })));
}

#[test]
fn the_key_of_a_file_is_held_to_the_rules_of_its_algorithm() {
    let message = |key: TokenKey| TokenKeys::default().add(None, &key).unwrap_err().to_string();
    let rsa = |pem: &[u8]| message(TokenKey::Rs256 { pem: pem.to_vec() });
    let ec = |pem: &[u8]| message(TokenKey::Es256 { pem: pem.to_vec() });
    for (pem, bits) in [(RSA_SHORT_PEM, "1024 bits"), (RSA_LONG_PEM, "4104 bits"), (RSA_LONG_PKCS1_PEM, "4104 bits")] {
        assert!(rsa(pem).contains(bits), "{}", rsa(pem));
    }
    for pem in [P384_PEM, K256_PEM] {
        assert!(ec(pem).contains("P-256"), "{}", ec(pem));
    }
    assert!(ec(RS256_PEM).contains("can't be read"), "{}", ec(RS256_PEM));
    for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
        let pem = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        let [rsa, ec] = [rsa(pem.as_bytes()), ec(pem.as_bytes())];
        assert!(rsa.contains("private key") && ec.contains("private key"), "{rsa}; {ec}");
        let behind = [ES256_PEM, pem.as_bytes()].concat();
        assert!(message(TokenKey::Es256 { pem: behind }).contains("private key"), "also behind a public one");
    }
}

#[tokio::test]
async fn a_header_that_calls_something_critical_is_refused_and_one_that_brings_a_key_proves_nothing() {
    let claims = claims_of_one();
    let refusal =
        rows(&api(), &sign_with_header(&json!({ "alg": "HS256", "crit": ["exp"] }), &claims, SECRET)).await.unwrap_err();
    assert!(refusal.contains("'crit'"), "{refusal}");
    assert!(rows(&api(), &sign_with_header(&json!({ "alg": "HS256", "crit": [] }), &claims, SECRET)).await.is_err());
    // The key that signed it is in the header, or where the header says: it is not looked at.
    let own = b"a key of the attacker, with thirty-two bytes";
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/keys", listener.local_addr().unwrap());
    for (name, value) in
        [("jwk", secret_key("own", own)), ("jku", json!(address)), ("x5u", json!(address)), ("x5c", json!(["AAAA"]))]
    {
        let mut header = json!({ "alg": "HS256", "typ": "JWT" });
        header[name] = value;
        let refusal = rows(&api(), &sign_with_header(&header, &claims, own)).await.unwrap_err();
        assert!(refusal.contains("signature"), "{name}: {refusal}");
        assert_eq!(rows(&api(), &sign_with_header(&header, &claims, SECRET)).await, Ok(5), "{name} is passed over");
    }
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().err().map(|error| error.kind()), Some(std::io::ErrorKind::WouldBlock), "somebody was asked");
}

#[tokio::test]
async fn the_id_in_a_header_chooses_one_key() {
    let (first, second) = (b"the first secret has thirty-two bytes", b"the second secret has thirty-two bytes");
    let key = |secret: &[u8]| TokenKey::Hs256 { secret: secret.to_vec() };
    let api = |keys: &[(Option<&str>, TokenKey)]| api_with(social(), config_of(token_keys(keys), TokenRules::default()).0);
    let named = api(&[(Some("a"), key(first)), (Some("b"), key(second))]);
    let signed = |id: Json, secret: &[u8]| sign_with_header(&json!({ "alg": "HS256", "kid": id }), &claims_of_one(), secret);
    let unnamed = |secret: &[u8]| sign_with_header(&json!({ "alg": "HS256" }), &claims_of_one(), secret);
    assert_eq!(rows(&named, &signed(json!("a"), first)).await, Ok(5));
    assert_eq!(rows(&named, &signed(json!("b"), second)).await, Ok(5));
    assert!(rows(&named, &signed(json!("a"), second)).await.unwrap_err().contains("signature"), "only the key that is named");
    assert!(rows(&named, &signed(json!("c"), first)).await.unwrap_err().contains("'kid'"), "an unknown id");
    assert!(rows(&named, &signed(json!(7), first)).await.unwrap_err().contains("not a text"));
    assert_eq!((rows(&named, &unnamed(first)).await, rows(&named, &unnamed(second)).await), (Ok(5), Ok(5)));
    // An issuer names its key although the file of it has no id here.
    let mixed = api(&[(None, key(first)), (Some("b"), key(second))]);
    assert_eq!(rows(&mixed, &signed(json!("c"), first)).await, Ok(5));
    assert!(rows(&mixed, &signed(json!("b"), first)).await.is_err());
    assert!(rows(&mixed, &signed(json!("c"), second)).await.is_err(), "a key with an id stands for that alone");
    // The algorithm is the key's, also where the header names it.
    let other_kind = api(&[(Some("a"), TokenKey::Rs256 { pem: RS256_PEM.to_vec() })]);
    assert!(rows(&other_kind, &signed(json!("a"), RS256_PEM)).await.unwrap_err().contains("algorithm"));
}

#[tokio::test]
async fn the_keys_of_a_set_verify_what_they_are_for() {
    let [mut rsa, mut ec] = published();
    (rsa["kid"], ec["kid"]) = (json!("r"), json!("e"));
    let other = |mut key: Json, member: &str, value: Json| {
        key[member] = value;
        key["kid"] = json!(format!("{member} {}", key["kty"]));
        key
    };
    let mut not_named = other(rsa.clone(), "use", json!("enc"));
    not_named["kid"] = json!(null);
    let set = [
        other(rsa.clone(), "use", json!("enc")),
        other(rsa.clone(), "key_ops", json!(["encrypt"])),
        other(ec.clone(), "alg", json!("ECDH-ES")),
        other(rsa.clone(), "alg", json!("RS512")),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" }),
        json!({ "kty": "OKP", "crv": "X25519", "x": "AAAA", "kid": 7 }),
        not_named,
        json!({ "kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA" }),
        other(secret_key("x", SECRET), "use", json!("sig")),
        rsa.clone(),
        ec.clone(),
    ];
    let keys = key_set(&set).unwrap();
    assert_eq!(keys.len(), 3, "three of them are for tokens");
    let api = api_with(social(), config_of(keys, TokenRules::default()).0);
    for token in [token(1).as_str(), RS256_TOKEN, ES256_TOKEN] {
        assert_eq!(rows(&api, token).await, Ok(5));
    }
}

#[test]
fn a_set_that_is_broken_or_ambiguous_is_refused() {
    let [rsa, ec] = published();
    let changed = |key: &Json, member: &str, value: Json| {
        let mut key = key.clone();
        key[member] = value;
        key
    };
    let message = |keys: &[Json]| key_set(keys).err().map(|error| error.to_string()).unwrap_or_default();
    let twice = [changed(&rsa, "kid", json!("a")), changed(&ec, "kid", json!("a"))];
    assert!(message(&twice).contains("'a'"), "{}", message(&twice));
    for (key, words) in [
        (changed(&rsa, "n", json!("AQAB")), "17 bits"),
        (changed(&rsa, "n", json!("=")), "'n'"),
        (changed(&rsa, "e", json!("AA")), "RS256"),
        (changed(&rsa, "e", json!("AQ")), "RS256"),
        (changed(&rsa, "kid", json!(1)), "'kid'"),
        (changed(&ec, "x", ec["y"].clone()), "ES256"),
        (changed(&ec, "y", json!("AAAA")), "ES256"),
        (secret_key("s", b"short"), "5 bytes"),
        (json!({ "kty": "oct" }), "'k'"),
        (json!({ "kty": "unheard of" }), "no key that tokens"),
        (json!(7), "not an object"),
    ] {
        assert!(message(&[key.clone()]).contains(words), "{key}: {}", message(&[key.clone()]));
    }
    let many: Vec<Json> = (0..=crate::TOKEN_KEYS_MAX).map(|id| secret_key(&id.to_string(), SECRET)).collect();
    assert!(message(&many).contains("more than"), "{}", message(&many));
    for text in ["", "[]", "{}", "{\"keys\":{}}"] {
        assert!(matches!(TokenKeys::default().add_key_set(text.as_bytes()), Err(TokenConfigError::BadKeySet { .. })), "{text}");
    }
}

#[tokio::test]
async fn keys_are_replaced_while_the_api_answers() {
    let (old, new) = (b"the old secret has more than thirty-two bytes", b"the new secret has more than thirty-two bytes");
    let set = |keys: &[(&str, &[u8])]| key_set(&keys.iter().map(|(id, key)| secret_key(id, key)).collect::<Vec<_>>()).unwrap();
    let (config, verifier) = config_of(set(&[("old", old)]), TokenRules::default());
    let api = api_with(social(), config);
    let signed = |secret: &[u8]| sign_with_header(&json!({ "alg": "HS256" }), &claims_of_one(), secret);
    assert_eq!((rows(&api, &signed(old)).await.is_ok(), rows(&api, &signed(new)).await.is_ok()), (true, false));
    assert_eq!(verifier.replace(set(&[("old", old), ("new", new)])), (1, 0));
    assert_eq!((rows(&api, &signed(old)).await.is_ok(), rows(&api, &signed(new)).await.is_ok()), (true, true));
    assert_eq!(verifier.replace(set(&[("new", new)])), (0, 1));
    assert_eq!((rows(&api, &signed(old)).await.is_ok(), rows(&api, &signed(new)).await.is_ok()), (false, true));
    assert_eq!(verifier.replace(set(&[("newer id", new)])), (1, 1), "a key under another id is another key");
    verifier.reading_failed();
    let metrics = get(&api, "/metrics").await.text;
    for line in ["tidewater_token_key_reads_total 3", "tidewater_token_key_read_failures_total 1"] {
        assert!(metrics.lines().any(|found| found == line), "no '{line}' in {metrics}");
    }
}
