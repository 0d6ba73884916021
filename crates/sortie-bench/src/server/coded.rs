//! Bodies in a coding of HTTP.

use std::collections::HashMap;
use std::fmt::Write;

use bytes::Bytes;
use http_body_util::BodyExt;
use sortie::body::Coding;
use sortie::{BoxError, Session};
use tokio::sync::Mutex;

/// How long each of them is when it is decoded.
pub(crate) const LENGTH: usize = 256 << 20;

/// Those that are measured.
pub(crate) const CODINGS: [Coding; 3] = [Coding::Gzip, Coding::Br, Coding::Zstd];

/// Those that were asked for, each encoded once.
#[derive(Default)]
pub(super) struct Bodies(Mutex<HashMap<&'static str, Bytes>>);

impl Bodies {
    pub(super) async fn get(&self, name: &str) -> Result<Bytes, BoxError> {
        let known = CODINGS.into_iter().find(|coding| coding.name() == name);
        let coding = known.ok_or_else(|| format!("no such coding: {name}"))?;
        let mut bodies = self.0.lock().await;
        if let Some(body) = bodies.get(coding.name()) {
            return Ok(body.clone());
        }
        // As a session encodes what it uploads.
        let request = Session::builder().no_env().build()?.post("http://localhost/").body(text());
        let body = request.compress(coding).build()?.into_body().collect().await?.to_bytes();
        bodies.insert(coding.name(), body.clone());
        Ok(body)
    }
}

/// Lines of JSON as an API sends them: much of each is that of the last, and the rest is not.
fn text() -> String {
    let mut text = String::with_capacity(LENGTH + 256);
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    while text.len() < LENGTH {
        // Steele and Vigna's constants for a linear congruential generator.
        random = random.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(1);
        let (id, price, stock) = (random >> 40, random >> 20 & 0xFFFF, random >> 12 & 0x3F);
        let _ =
            writeln!(text, r#"{{"id":{id},"name":"part {id:x}","price":{price}.99,"stock":{stock},"tags":["a","b"]}}"#);
    }
    text.truncate(LENGTH);
    text
}
