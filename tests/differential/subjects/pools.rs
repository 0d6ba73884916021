//! How many connections there are, and which are kept (S88, S89).
//!
//! All calls of a scenario come one after the other, so what holds a connection is an answer that nobody has read yet. A
//! call that would wait for such a connection (`pool_block`) is in no scenario: requests has no limit for that wait
//! (`pool_timeout`) and would wait for ever, where sortie's `acquire` ends it.

use crate::answer::ok;
use crate::intended::Intended;
use crate::scenario::{Call, Pool, Read, Scenario, get, page, scenario};

fn pooled(name: &'static str, about: &'static str, pool: Pool) -> Scenario {
    scenario(name, about)
        .server("http://a.test", [page("*", ok())])
        .server("http://b.test", [page("*", ok())])
        .session(|s| s.pool = Some(pool))
        .connections()
}

fn at(host: &str) -> Call {
    get(format!("http://{host}.test/"))
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let keeping = |kept| Pool { kept, ..Pool::default() };
    let later = || at("a").read(Read::Later);
    vec![
        pooled("pool: one connection, one call after the other", "S88", keeping(1)).call(at("a")).call(at("a")),
        pooled("pool: a connection in use is not waited for", "S88", keeping(1))
            .call(later())
            .call(at("a"))
            .call(at("a")),
        pooled("pool: more than are kept", "S88", keeping(1))
            .call(later())
            .call(at("a"))
            .call(later().after_reading())
            .call(at("a")),
        pooled("pool: as many as are kept", "S88", keeping(2))
            .call(later())
            .call(at("a"))
            .call(later().after_reading())
            .call(at("a")),
        pooled("pool: another host has connections of its own", "S88", keeping(1))
            .call(at("a"))
            .call(at("b"))
            .call(at("a")),
        pooled("pool: no more than one, and it is free", "S88", Pool { block: true, ..keeping(1) })
            .call(later())
            .call(at("a").after_reading())
            .call(at("a")),
        pooled("pool: no more than two", "S88", Pool { block: true, ..keeping(2) }).call(later()).call(at("a")),
        pooled("pool: one host at a time", "S89", Pool { origins: Some(1), ..keeping(1) })
            .call(at("a"))
            .call(at("b"))
            .call(at("a")),
    ]
}

pub(super) const INTENDED: &[Intended] = &[Intended {
    scenario: "pool: more than are kept",
    statement: "S88",
    reason: "of more connections than are kept, the one that was used longest ago is closed",
    differences: &[("request 3 connection", "2", "1")],
}];
