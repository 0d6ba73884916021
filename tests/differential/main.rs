//! sortie beside python-requests: both are driven through the same scenarios, against the same scripted servers, and
//! what arrived on the wire and what came back is compared field by field.
//!
//! | file | what is in it |
//! |---|---|
//! | `scenario` | what a scenario is: data that both clients can be driven by |
//! | `subjects/` | the scenarios, by subject, and below them the differences that are meant |
//! | `server`, `answer`, `wire` | the servers, what they send, and how they read |
//! | `home` | the folder that netrc files are looked for in |
//! | `requests`, `drive.py` | the one client |
//! | `sortie` | the other |
//! | `compare`, `drawn`, `intended` | what is compared, what of it is drawn by lot, and what is held against it |
//! | `about` | what scenarios can be about |
//!
//! # What is not compared
//!
//! | what | why |
//! |---|---|
//! | order and spelling of header names, blanks around values, quotes of Digest's parameters and of a boundary | the clients differ in all of them everywhere; scenarios that ask for a [`scenario::Head`] as it came show how |
//! | the headers that a client sends by default, with their default values | they say which client it is; how they are replaced or left out is compared |
//! | `Host` of a CONNECT | which of Python's versions it is decides whether there is one |
//! | boundaries, a client's own nonce in Digest, and what is computed from it | they are drawn by lot; vectors and real servers tell whether the digest is right |
//! | the reason phrase of an answer | an `http::Response` has none, and it means nothing (RFC 9112 §4) |
//! | headers of an answer that the call does not [show](scenario::Call::show) | both clients give out what came; scenarios show what decoding, merging and joining leave |
//! | the order of an object's keys in JSON, of links, and of the cookies in a jar | they are sorted: nobody is promised one |
//! | texts of errors | each client has its own; what is compared is the class, in words that both have |
//!
//! A difference that no table has, and one in a table that is not there, fail the run. `DIFFERENTIAL=some words` runs
//! only the scenarios with these words in their name.

#![expect(clippy::unwrap_used, reason = "the lint knows tests by their attribute, and helpers have none")]

mod about;
mod answer;
mod compare;
mod drawn;
mod home;
mod intended;
mod requests;
mod scenario;
mod server;
mod sortie;
mod subjects;
mod wire;

use std::collections::HashSet;

use compare::{Fields, differences, fields};
use home::Home;
use intended::{Verdict, verdict};
use requests::Requests;
use scenario::Scenario;
use server::World;

/// What both clients did with a scenario: requests first.
async fn run(python: &mut Requests, scenario: &Scenario) -> [Fields; 2] {
    let worlds = [World::start(scenario), World::start(scenario)];
    let home = Home::make(scenario);
    let outcomes = tokio::join!(
        python.drive(scenario, worlds[0].ports(), home.path()),
        // It is large, and so would be the test's future.
        Box::pin(sortie::drive(scenario, worlds[1].ports(), home.path())),
    );
    let of = |outcome, world: &World| fields(outcome, &world.seen(), scenario.shown);
    [of(&outcomes.0, &worlds[0]), of(&outcomes.1, &worlds[1])]
}

#[tokio::test]
#[ignore = "needs python-requests"]
async fn sortie_differs_from_requests_where_it_is_meant_to_and_nowhere_else() {
    let mut python = Requests::start(server::authority());
    let wanted = std::env::var("DIFFERENTIAL").unwrap_or_default();
    let (mut equal, mut meant, mut unexpected) = (0, 0, Vec::new());
    for (scenario, intended) in subjects::all().iter().filter(|(scenario, _)| scenario.name.contains(&wanted)) {
        let [requests, sortie] = run(&mut python, scenario).await;
        match verdict(&differences(&requests, &sortie), *intended) {
            Verdict::Equal => equal += 1,
            Verdict::Intended => meant += 1,
            Verdict::Unexpected(what) => unexpected.push((scenario.name, what, requests)),
        }
    }
    for (name, what, requests) in &unexpected {
        println!("\n{name}\n{what}    requests did:");
        requests.iter().for_each(|(field, value)| println!("            {field}: {value:?}"));
    }
    println!("\nno scenario is about {}", about::unnamed().join(", "));
    let all = equal + meant + unexpected.len();
    println!("\n{all} scenarios, {equal} equal, {meant} intended, {} unexpected", unexpected.len());
    assert!(unexpected.is_empty() && all > 0);
}

#[test]
fn every_difference_that_is_meant_is_one_of_a_scenario_and_says_why() {
    let (mut names, mut meant) = (HashSet::new(), 0);
    for (scenario, intended) in subjects::all() {
        assert!(names.insert(scenario.name), "{:?} is there twice", scenario.name);
        assert!(about::is_known(scenario.about), "{:?} is about {:?}", scenario.name, scenario.about);
        assert!(!scenario.calls.is_empty(), "{:?}", scenario.name);
        if let Some(intended) = intended {
            meant += 1;
            assert!(!intended.reason.is_empty() && !intended.differences.is_empty(), "{intended:?}");
            assert!(about::statement(intended.statement).is_some(), "{intended:?}");
        }
    }
    assert_eq!(meant, subjects::intended().count(), "a table has an entry that is of no scenario, or one twice");
    assert!(names.len() >= 150, "{} scenarios", names.len());
}
