//! What is measured of a process as a whole: memory, and instructions by callgrind.

use std::hint::black_box;
use std::process::Command;

use serde::{Deserialize, Serialize};
use sortie::BoxError;
use sortie::cookies::Jar;

use super::stores::{Peer, Store, host, over_domains};
use crate::callgrind;
use crate::measure::{Clock, Measured, median};
use crate::report::folder;

/// How often the header is parsed in the shorter and in the longer run, whose difference is counted.
const FEW: u64 = 2;
const MANY: u64 = 22;

/// A process of its own, for the hidden sub-command.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Alone {
    FillJar { domains: usize },
    FillPeer { domains: usize },
    Receive { shape: Shape, octets: usize, times: u64 },
}

/// What a long `Set-Cookie` is full of after its pair.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Shape {
    Semicolons,
    Names,
    Dates,
    Digits,
    Paths,
    Spaces,
    OneAttribute,
    OneName,
}

impl Shape {
    const ALL: [Self; 8] = [
        Self::Semicolons,
        Self::Names,
        Self::Dates,
        Self::Digits,
        Self::Paths,
        Self::Spaces,
        Self::OneAttribute,
        Self::OneName,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Semicolons => "semicolons",
            Self::Names => "attributes that nobody knows",
            Self::Dates => "dates",
            Self::Digits => "ages",
            Self::Paths => "paths and domains",
            Self::Spaces => "white space",
            Self::OneAttribute => "one attribute",
            Self::OneName => "one name",
        }
    }

    fn field(self, octets: usize) -> Vec<u8> {
        let (start, repeated) = match self {
            Self::Semicolons => ("a=b", ";"),
            Self::Names => ("a=b", "; x=y"),
            Self::Dates => ("a=b", "; Expires=Sun, 06 Nov 2044 08:49:37 GMT 1 2 3 4 jan 5:5:5"),
            Self::Digits => ("a=b", "; Max-Age=99999999999999999999"),
            Self::Paths => ("a=b", "; Path=/x; Domain=com"),
            Self::Spaces => ("a=b;", " \t"),
            Self::OneAttribute => ("a=b; Expires=", "1 "),
            Self::OneName => ("", "a"),
        };
        start.bytes().chain(repeated.bytes().cycle()).take(octets).collect()
    }
}

/// The hidden sub-command.
pub(crate) fn run(what: Alone) -> Result<(), BoxError> {
    match what {
        Alone::FillJar { domains } => fill::<Jar>(domains),
        Alone::FillPeer { domains } => fill::<Peer>(domains),
        Alone::Receive { shape, octets, times } => {
            let (jar, url, field) = (Jar::new(), host(0), shape.field(octets));
            for _ in 0..times {
                // Whether it is refused does not matter, but what it costs.
                _ = black_box(jar.receive(&url, black_box(&field)));
            }
            Ok(())
        }
    }
}

fn fill<S: Store>(domains: usize) -> Result<(), BoxError> {
    let store = over_domains::<S>(domains);
    let measured = Clock::start().stop(domains as u64)?;
    drop(store);
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

/// Bytes that so many cookies take in each store: the growth of a process from none to all, the median of the rounds.
pub(super) fn memory(domains: usize, rounds: usize) -> Result<(f64, f64), BoxError> {
    let resident = |what| spawn(what).map(|measured| measured.resident);
    let (mut jar, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        jar.push(resident(Alone::FillJar { domains })? - resident(Alone::FillJar { domains: 0 })?);
        peer.push(resident(Alone::FillPeer { domains })? - resident(Alone::FillPeer { domains: 0 })?);
    }
    Ok((median(jar), median(peer)))
}

fn spawn(what: Alone) -> Result<Measured, BoxError> {
    let output = Command::new(std::env::current_exe()?).args(arguments(what)?).output()?;
    if !output.status.success() {
        return Err(format!("{what:?} failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn arguments(what: Alone) -> Result<[String; 2], BoxError> {
    Ok(["alone".to_owned(), serde_json::to_string(&what)?])
}

/// Instructions to receive a header of each shape, 32 KiB and 64 KiB long.
pub(super) fn instructions() -> Result<Vec<(Shape, f64, f64)>, BoxError> {
    let folder = folder()?.join("callgrind");
    std::fs::create_dir_all(&folder)?;
    let count = |shape, octets, times| {
        let out = folder.join(format!("cookies-{shape:?}-{octets}.out"));
        Ok::<_, BoxError>(callgrind::count_of(&arguments(Alone::Receive { shape, octets, times })?, &out)?.instructions)
    };
    let each = |shape, octets| {
        let (long, short) = (count(shape, octets, MANY)?, count(shape, octets, FEW)?);
        Ok::<_, BoxError>((long - short) / (MANY - FEW) as f64)
    };
    Shape::ALL.into_iter().map(|shape| Ok((shape, each(shape, 32 * 1024)?, each(shape, 64 * 1024)?))).collect()
}
