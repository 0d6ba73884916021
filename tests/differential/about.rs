//! What scenarios and intended differences are about, and which statements none is about.

use std::collections::BTreeSet;

use crate::subjects;

/// The number of the last statement on how clients behave.
const STATEMENTS: usize = 107;

/// The groups of requests' own suite.
const GROUPS: std::ops::RangeInclusive<char> = 'A'..='Q';

/// The number of a statement: 20 of `S20`.
pub(crate) fn statement(about: &str) -> Option<usize> {
    let digits = about.strip_prefix('S')?;
    // Nothing else may parse: `S+1`, `S01`.
    let number = digits.parse().ok().filter(|number: &usize| number.to_string() == digits)?;
    (1..=STATEMENTS).contains(&number).then_some(number)
}

/// Whether it is a statement, a group of requests' own suite, or an advisory.
pub(crate) fn is_known(about: &str) -> bool {
    let is_group = |group: &str| group.parse().is_ok_and(|letter: char| GROUPS.contains(&letter));
    statement(about).is_some()
        || about.strip_prefix("group ").is_some_and(is_group)
        || about.strip_prefix("CVE-").is_some_and(is_advisory)
}

/// Whether it is the rest of an advisory's name, `2018-18074`: a year, and four digits or more.
fn is_advisory(name: &str) -> bool {
    let are_digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    name.split_once('-')
        .is_some_and(|(year, number)| year.len() == 4 && number.len() >= 4 && are_digits(year) && are_digits(number))
}

/// The statements that no scenario and no intended difference names.
pub(crate) fn unnamed() -> Vec<String> {
    let mut named = BTreeSet::new();
    for (scenario, intended) in subjects::all() {
        named.extend([Some(scenario.about), intended.map(|intended| intended.statement)].into_iter().flatten());
    }
    (1..=STATEMENTS).map(|number| format!("S{number}")).filter(|name| !named.contains(&**name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_is_known_and_nothing_else() {
        for about in ["S1", "S107", "group A", "group Q", "CVE-2018-18074", "CVE-2026-123456"] {
            assert!(is_known(about), "{about}");
        }
        for about in
            ["", "S", "S0", "S108", "S01", "S+1", "s1", "S1 ", "S1 S2", "group R", "group", "group AB", "Group A"]
        {
            assert!(!is_known(about), "{about}");
        }
        for about in
            ["CVE-2018", "CVE-2018-180", "CVE-18-18074", "CVE-2018-1807x", "CVE-2018-18074-1", "cve-2018-18074"]
        {
            assert!(!is_known(about), "{about}");
        }
        assert_eq!(statement("S20"), Some(20));
        assert_eq!(statement("group A"), None);
    }
}
