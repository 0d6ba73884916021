//! Where sortie is meant to differ from requests, and whether it still does.

use crate::compare::Difference;

/// One scenario in which the clients are meant to differ, why, and how exactly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intended {
    pub(crate) scenario: &'static str,
    /// The statement that requests follows and sortie does not.
    pub(crate) statement: &'static str,
    pub(crate) reason: &'static str,
    /// Field, what requests does, what sortie does.
    pub(crate) differences: &'static [(&'static str, &'static str, &'static str)],
}

/// What a scenario showed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Equal,
    Intended,
    /// What is wrong.
    Unexpected(String),
}

/// Holds what was found against what is meant. A difference that is gone, or has become another, is as unexpected as a
/// new one.
pub(crate) fn verdict(found: &[Difference], intended: Option<&Intended>) -> Verdict {
    let Some(intended) = intended else {
        return if found.is_empty() { Verdict::Equal } else { Verdict::Unexpected(table(found)) };
    };
    let meant: Vec<_> = intended
        .differences
        .iter()
        .map(|(field, requests, sortie)| Difference {
            field: (*field).into(),
            requests: (*requests).into(),
            sortie: (*sortie).into(),
        })
        .collect();
    let new: Vec<_> = found.iter().filter(|difference| !meant.contains(difference)).cloned().collect();
    let gone: Vec<_> = meant.into_iter().filter(|difference| !found.contains(difference)).collect();
    if new.is_empty() && gone.is_empty() {
        return Verdict::Intended;
    }
    Verdict::Unexpected(format!("not in the table:\n{}in the table, and not found:\n{}", table(&new), table(&gone)))
}

/// In the form of the table.
fn table(differences: &[Difference]) -> String {
    differences.iter().map(|difference| format!("            {difference}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTENDED: Intended = Intended {
        scenario: "a 302 answers PUT",
        statement: "S20",
        reason: "only POST becomes GET",
        differences: &[("request 2", "GET /to", "PUT /to")],
    };

    fn difference(requests: &str, sortie: &str) -> Difference {
        Difference { field: "request 2".into(), requests: requests.into(), sortie: sortie.into() }
    }

    #[test]
    fn only_the_very_difference_that_is_meant_is_intended() {
        let meant = difference("GET /to", "PUT /to");
        assert_eq!(verdict(&[], None), Verdict::Equal);
        assert_eq!(verdict(std::slice::from_ref(&meant), Some(&INTENDED)), Verdict::Intended);
        for (found, intended) in [
            (vec![meant.clone()], None),
            (vec![], Some(&INTENDED)),
            (vec![difference("HEAD /to", "PUT /to")], Some(&INTENDED)),
            (vec![difference("GET /to", "POST /to")], Some(&INTENDED)),
            (vec![meant, Difference { field: "jar".into(), ..difference("-", "a=1") }], Some(&INTENDED)),
        ] {
            assert!(matches!(verdict(&found, intended), Verdict::Unexpected(_)), "{found:?}");
        }
    }
}
