//! The scenarios, by subject.

use crate::intended::Intended;
use crate::scenario::Scenario;

mod attempts;
mod auth;
mod bodies;
mod by_hand;
mod codings;
mod cookies;
mod credentials;
mod digest;
mod faults;
mod limits;
mod locations;
mod merging;
mod mounts;
mod multipart;
mod netrc;
mod pools;
mod proxies;
mod reading;
mod redirects;
mod responses;
mod urls;

/// Scenarios, and the differences in them that are meant.
type Subject = (fn() -> Vec<Scenario>, &'static [Intended]);

const SUBJECTS: &[Subject] = &[
    (attempts::scenarios, attempts::INTENDED),
    (auth::scenarios, auth::INTENDED),
    (bodies::scenarios, bodies::INTENDED),
    (by_hand::scenarios, by_hand::INTENDED),
    (codings::scenarios, codings::INTENDED),
    (cookies::scenarios, cookies::INTENDED),
    (credentials::scenarios, credentials::INTENDED),
    (digest::scenarios, digest::INTENDED),
    (faults::scenarios, faults::INTENDED),
    (limits::scenarios, limits::INTENDED),
    (locations::scenarios, locations::INTENDED),
    (merging::scenarios, merging::INTENDED),
    (mounts::scenarios, mounts::INTENDED),
    (multipart::scenarios, multipart::INTENDED),
    (netrc::scenarios, netrc::INTENDED),
    (pools::scenarios, pools::INTENDED),
    (proxies::scenarios, proxies::INTENDED),
    (reading::scenarios, reading::INTENDED),
    (redirects::scenarios, redirects::INTENDED),
    (responses::scenarios, responses::INTENDED),
    (urls::scenarios, urls::INTENDED),
];

/// Every scenario, with the difference that is meant in it, if one is.
pub(crate) fn all() -> Vec<(Scenario, Option<&'static Intended>)> {
    let of = |(scenarios, intended): &Subject| {
        let intended = *intended;
        let with = move |scenario: Scenario| {
            let entry = intended.iter().find(|entry| entry.scenario == scenario.name);
            (scenario, entry)
        };
        scenarios().into_iter().map(with).collect::<Vec<_>>()
    };
    SUBJECTS.iter().flat_map(of).collect()
}

/// All tables.
pub(crate) fn intended() -> impl Iterator<Item = &'static Intended> {
    SUBJECTS.iter().flat_map(|(_, intended)| *intended)
}
